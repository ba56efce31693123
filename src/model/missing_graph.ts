/** What to say, and to advise, where a folder or repository has not the graph that was asked for. */
import { join } from "node:path/posix";
import { exists } from "../files/exists.ts";
import type { HubClient } from "../hub/client.ts";
import { bytesText } from "../hub/disk.ts";
import type { RepoFiles } from "../hub/repository.ts";
import { searchRepos } from "../hub/remote.ts";
import { bareName, exportsOf } from "./exports.ts";
import { dtypeOfFile } from "./dtypes.ts";
import { STORAGES } from "./architectures/net.ts";
import type { Dtype } from "./types.ts";

/** Names that are told at most. */
const NAMED = 12;

/**
 * A sentence on what there is instead of a graph of that name and storage type.
 *
 * @param isOther Whether there is a checkpoint, which needs no graph.
 */
export async function missingGraph(
  source: Pick<RepoFiles, "folder" | "files" | "client"> & Partial<Pick<RepoFiles, "repo">>,
  whose: string,
  { wanted, dtype, isOther }: { wanted: string; dtype: Dtype; isOther: boolean },
): Promise<string> {
  const start = `Expected ${whose} to be a model but it has no ${wanted}, the graph of dtype ${dtype}`;
  if (source.client && !source.files) {
    return `${start}; what it has instead is not told there: name the file by --model-file`;
  }
  const paths = source.files ? [...source.files.keys()].sort() : await pathsIn(source.folder);
  const graphs = paths.filter((path) => path.endsWith(".onnx"));
  if (graphs.length > 0) {
    const named = graphs.slice(0, NAMED).map((path) => {
      const type = dtypeOfFile(path);
      return type ? `${path} (dtype ${type})` : path;
    });
    const rest = graphs.length > NAMED ? ` and ${graphs.length - NAMED} more` : "";
    return `${start}: it has ${named.join(", ")}${rest}; ask for the dtype of one, or for the file by --model-file.`;
  }
  if (isOther) {
    return `${start}: its checkpoint is run without one, in dtype ${
      STORAGES.join(", ")
    }, if --weights, --model-file and ` +
      "--subfolder are left out.";
  }
  const weights = weightsOf(paths, source.files);
  const others = source.client && source.repo
    ? await exportsOnHub(source.client, source.repo)
    : exportsOf(source.repo ?? "");
  const advice = others.length > 0 ? `take an export that is there (${others.join(", ")}), or make one` : "make one";
  return `${start}, nor any other: ` + (weights === "" ? "" : `it has ${weights}, which are not run here; `) +
    `${advice}, as README says under "Without an export".`;
}

/** What else a model's weights are stored in. */
function weightsOf(paths: readonly string[], files: RepoFiles["files"]): string {
  const kinds: [string, RegExp][] = [
    ["safetensors", /\.safetensors$/],
    ["PyTorch files", /(^|\/)pytorch_model.*\.bin$|\.pth?$/],
    ["GGUF files", /\.gguf$/],
  ];
  return kinds.flatMap(([kind, pattern]) => {
    const matches = paths.filter((path) => pattern.test(path));
    if (matches.length === 0) return [];
    const sizes = matches.map((path) => files?.get(path)?.bytes ?? NaN);
    const size = sizes.reduce((sum, bytes) => sum + bytes, 0);
    const named = matches.length > 3
      ? `${matches.slice(0, 2).join(", ")} and ${matches.length - 2} more`
      : matches.join(", ");
    return [`weights as ${kind} (${named}${Number.isNaN(size) ? "" : `; ${bytesText(size)}`})`];
  }).join(" and ");
}

async function exportsOnHub(client: HubClient, repo: string): Promise<string[]> {
  const known = exportsOf(repo);
  if (known.length > 0) return known;
  const name = bareName(repo);
  const repos = await searchRepos(client, "model", `search=${encodeURIComponent(name)}&filter=onnx`);
  return repos.filter((id) => id !== repo && bareName(id) === name).slice(0, 3);
}

/** The files that a local folder has, those of onnx/ too. */
async function pathsIn(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for (const place of await exists(join(folder, "onnx")) ? ["onnx", "."] : ["."]) {
    for await (const { name } of Deno.readDir(join(folder, place))) paths.push(join(place, name));
  }
  return paths.sort();
}
