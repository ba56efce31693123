/** What tells a model from every other, whatever folder it lies in. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { openByteFile } from "../files/byte_file.ts";
import { isFile } from "../files/exists.ts";
import { namesIn } from "../files/names_in.ts";
import { weightLocations } from "./graph_file.ts";
import type { ModelFiles } from "./model_files.ts";

/** Parts of a file that are read, and bytes of each: of a smaller file all of it. */
const [PARTS, PART_BYTES] = [64, 1 << 15];
/** Files that make tokens of texts and chats. */
const TOKENIZER = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja"];
/** More chat templates, by name. */
const TEMPLATES = "additional_chat_templates";

/**
 * A checksum of all that activations of a text depend on: the graph and its weights, or the checkpoint and its
 * config.json; the tokenizer, its settings and its chat templates. Of a file of more than 2 MiB 64 parts and the size are taken, evenly
 * spread, so that a model of any size is told in a moment: weights that were trained on differ nearly everywhere, a file
 * whose bytes were changed here and there may not be told.
 */
export async function modelChecksum(files: ModelFiles, isBuilt: boolean): Promise<string> {
  const hash = createHash("sha256");
  for (const path of isBuilt ? files.weights : await graphFiles(files)) await addFile(hash, path);
  if (isBuilt) hash.update(JSON.stringify(files.config));
  const templates = (await namesIn(join(files.folder, TEMPLATES))).filter((name) => name.endsWith(".jinja")).sort();
  for (const name of [...TOKENIZER, ...templates.map((name) => join(TEMPLATES, name))]) {
    const path = join(files.folder, name);
    if (await isFile(path)) await addFile(hash, path);
  }
  return hash.digest("hex").slice(0, 32);
}

/** The graph, and the files that its weights are in. */
async function graphFiles({ graph, embeddings }: ModelFiles): Promise<string[]> {
  const paths = [];
  for (const path of [graph, embeddings]) {
    // The name of a graph that makes embeddings stands there also where there is none.
    if (path === "" || !await isFile(path)) continue;
    using file = await openByteFile(path, "a graph");
    paths.push(path);
    for (const location of await weightLocations(file, path)) paths.push(join(path, "..", location));
  }
  return paths;
}

async function addFile(hash: ReturnType<typeof createHash>, path: string): Promise<void> {
  using file = await openByteFile(path, "a model's file");
  const { size } = file;
  hash.update(`${size} `);
  const step = Math.max(PART_BYTES, Math.ceil(size / PARTS));
  for (let from = 0; from < size; from += step) {
    hash.update(await file.read(from, new Uint8Array(Math.min(PART_BYTES, size - from))));
  }
}
