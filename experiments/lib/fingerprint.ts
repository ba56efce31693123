import { localPath } from "../../src/hub/hub_file.ts";

/** Files of a model's folder that its activations of a text or a chat depend on. */
const MODEL_FILES = [
  "config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "chat_template.jinja",
  "onnx/model.onnx",
];

/** Size and time of a file, or of the files of a model's folder; of a file of the hub also its commit. */
export async function fingerprint(name: string): Promise<string> {
  const parts: string[] = [];
  // In a cache the path holds the commit.
  const path = await localPath(name);
  for (const name of ["", ...MODEL_FILES.map((file) => `/${file}`)]) {
    try {
      const { isFile, size, mtime } = await Deno.stat(path + name);
      if (isFile) parts.push(`${path}${name}:${size}:${mtime?.getTime()}`);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) throw error;
    }
  }
  return parts.join(" ");
}
