/** The tensors of a checkpoint: where each lies in its file. */
import { join } from "node:path";
import { exists } from "../../files/exists.ts";
import { outlineSafetensors } from "../../files/safetensors.ts";
import type { Dtype } from "../../files/tensor.ts";
import { ModelError } from "../error.ts";

/** Where a tensor lies. */
export interface StoredTensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Its file, links followed. */
  readonly path: string;
  /** First byte. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/** Tensors by name. */
export type StoredTensors = ReadonlyMap<string, StoredTensor>;

/**
 * Finds the tensors of a checkpoint's files.
 *
 * @param paths Its `.safetensors` files.
 * @throws {Error} A sentence if a file is cut off or damaged, or two have a tensor of one name.
 */
export async function storedTensors(paths: readonly string[]): Promise<StoredTensors> {
  const tensors = new Map<string, StoredTensor>();
  for (const path of paths) {
    const real = await Deno.realPath(path);
    for (const [name, place] of await outlineSafetensors(real)) {
      if (tensors.has(name)) {
        throw new ModelError(`Expected one tensor "${name}" but two files have it: ${path} is one of them`);
      }
      tensors.set(name, { ...place, path: real });
    }
  }
  return tensors;
}

/** The files of a folder that hold its weights: one, or those that the index names. */
export async function weightFiles(folder: string): Promise<string[]> {
  const index = join(folder, "model.safetensors.index.json");
  if (!await exists(index)) return ["model.safetensors"];
  const { weight_map } = JSON.parse(await Deno.readTextFile(index)) as { weight_map?: Record<string, string> };
  const files = [...new Set(Object.values(weight_map ?? {}))].sort();
  if (files.length > 0 && files.every((file) => typeof file === "string" && !/[/\\]/.test(file))) return files;
  throw new ModelError(`Expected "${index}" to name the files of the weights but it names none: fetch it again`);
}
