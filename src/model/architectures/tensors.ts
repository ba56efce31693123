/** The tensors of a checkpoint: where each lies in its file. */
import { readText } from "../../files/open.ts";
import { outlineSafetensors, type TensorPlace } from "../../files/safetensors.ts";
import type { Dtype } from "../../files/tensor.ts";
import { outlineTorch } from "../../files/torch/tensors.ts";
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
 * @param paths Its files: `.safetensors`, or `.bin` of `torch.save`.
 * @throws {ModelError} if a file is cut off or damaged, or two have a tensor of one name.
 */
export async function storedTensors(paths: readonly string[]): Promise<StoredTensors> {
  const tensors = new Map<string, StoredTensor>();
  for (const path of paths) {
    const real = await Deno.realPath(path).catch((cause) => {
      throw new ModelError(`Expected the weights in "${path}" but there is no such file: fetch it too`, { cause });
    });
    for (const [name, place] of await outline(real, path.endsWith(".bin"))) {
      if (tensors.has(name)) {
        throw new ModelError(`Expected one tensor "${name}" but two files have it: ${path} is one of them`);
      }
      tensors.set(name, { ...place, path: real });
    }
  }
  return tensors;
}

async function outline(path: string, isTorch: boolean): Promise<ReadonlyMap<string, TensorPlace>> {
  try {
    return await (isTorch ? outlineTorch(path) : outlineSafetensors(path));
  } catch (cause) {
    throw cause instanceof ModelError ? cause : new ModelError((cause as Error).message, { cause });
  }
}

/**
 * Names of a checkpoint's weights, or of the index of their files, in transformers' order: an index may be an older
 * one's.
 */
export const CHECKPOINT_FILES: readonly string[] = [
  "model.safetensors",
  "model.safetensors.index.json",
  "pytorch_model.bin",
  "pytorch_model.bin.index.json",
];

/** The files of weights that an index names. */
export async function weightFiles(index: string): Promise<string[]> {
  let weight_map: Record<string, string> | undefined;
  try {
    weight_map = (JSON.parse(await readText(index)) as { weight_map?: Record<string, string> } | null)
      ?.weight_map;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new ModelError(`Expected "${index}" to be JSON but it cannot be read as such: fetch it again`, { cause });
  }
  const files = [...new Set(Object.values(weight_map ?? {}))].sort();
  if (files.length > 0 && files.every((file) => typeof file === "string" && !/[/\\]/.test(file))) return files;
  throw new ModelError(`Expected "${index}" to name the files of the weights but it names none: fetch it again`);
}
