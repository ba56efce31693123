/** The tensors of a file of `torch.save`: what they are called, what they are, where they lie. */
import { NumpyArray, PickleArray, PickleDict, PickleList, PickleTuple, type PickleValue } from "../pickle/pickle.ts";
import type { TensorPlace } from "../safetensors.ts";
import { type ArrayPlace, isInCOrder, readPlace } from "../strided.ts";
import {
  type Dtype,
  elementCount,
  itemBytes,
  listed,
  swapBytes,
  type Tensor,
  type TensorOutline,
  type Tensors,
} from "../tensor.ts";
import { visibleText } from "../visible_text.ts";
import { damaged, openTorch, type TorchFile } from "./container.ts";
import { TorchTensor } from "./dialect.ts";

/** Dictionaries and lists within each other that are looked into for tensors. */
const DEEPEST = 8;
/** Values that are looked at: a small file could name one list a billion times. */
const MOST_VALUES = 1_000_000;

/**
 * The tensors of what was saved, by name: those within dictionaries and lists by the keys that lead there (`layers.3`), one
 * that was saved by itself as `""`.
 *
 * @throws {Error} A sentence if containers name each other so often that there is no end to it.
 */
export function torchTensors(file: Pick<TorchFile, "path" | "value">): ReadonlyMap<string, TorchTensor> {
  return new Map(
    [...torchArrays(file)].filter((named): named is [string, TorchTensor] => named[1] instanceof TorchTensor),
  );
}

/** As {@linkcode torchTensors}, with the arrays of NumPy that were saved beside tensors or instead of them. */
export function torchArrays({ path, value }: Pick<TorchFile, "path" | "value">): ReadonlyMap<string, TorchArray> {
  const arrays = new Map<string, TorchArray>();
  let left = MOST_VALUES;
  const collect = (value: PickleValue, keys: readonly string[]): void => {
    if (left-- === 0) throw damaged(path, `it has more than ${MOST_VALUES} values in containers of each other`);
    // An array that is never filled holds nothing.
    if (value instanceof TorchTensor || value instanceof NumpyArray && value.dtype) arrays.set(keys.join("."), value);
    if (keys.length >= DEEPEST) return;
    for (const [key, item] of itemsOf(value)) collect(item, [...keys, key]);
  };
  collect(value, []);
  return arrays;
}

/** What files of `torch.save` hold that is read as numbers. */
export type TorchArray = TorchTensor | NumpyArray;

/** What a container holds, by keys or numbers. */
function* itemsOf(value: PickleValue): Generator<readonly [string, PickleValue]> {
  if (value instanceof PickleDict) { for (const [key, item] of value.entries) yield [String(key), item]; }
  if (!(value instanceof PickleTuple) && !(value instanceof PickleList && !isOfNumbers(value))) return;
  let index = 0;
  for (const item of value instanceof PickleTuple ? value.items : value) yield [String(index++), item];
}

/** Whether a list begins with no tensor and no container: its items, perhaps millions, hold none. */
function isOfNumbers(list: PickleList): boolean {
  const [first] = list;
  return !(first instanceof PickleArray || first instanceof PickleDict || first instanceof PickleList ||
    first instanceof PickleTuple);
}

/** What a tensor or array is. */
export function torchOutline(array: TorchArray): TensorOutline {
  return { dtype: array instanceof TorchTensor ? array.type : array.dtype!.name, shape: array.shape };
}

/**
 * Where a tensor's numbers lie.
 *
 * @throws {Error} A sentence if it does not lie within its storage, or its type is one that is not read.
 */
export function torchPlace(
  { path, parts, isBigEndian }: Pick<TorchFile, "path" | "parts" | "isBigEndian">,
  name: string,
  tensor: TorchTensor,
): ArrayPlace {
  const { dtype, type, storage: { key }, first, shape, strides, end } = tensor;
  const called = name === "" ? "its tensor" : visibleText(name);
  if (!dtype) throw new Error(`Cannot read ${path}: the numbers of ${called} are ${type}. Convert them to float32.`);
  const part = parts.get(key);
  if (!part) throw damaged(path, `the storage ${key} of ${called} is not there`);
  const isCounted = elementCount(shape) !== undefined && Number.isSafeInteger(end);
  if (!isCounted || end * itemBytes(dtype) > part.length) {
    throw damaged(path, `${called} ends after its storage ${key}`);
  }
  return { dtype, shape, strides, offset: part.offset + first * itemBytes(dtype), isBigEndian };
}

/**
 * Reads the bytes of all storages that tensors name, for {@linkcode TorchTensor.at}: at most those of the file.
 *
 * @throws {Error} A sentence if a tensor does not lie within its storage, or repeats parts of it.
 */
export async function fillStorages({ path, file, storages, parts, isBigEndian }: TorchFile): Promise<void> {
  for (const storage of storages.values()) {
    const { offset, length } = parts.get(storage.key)!;
    const { end, repeated } = storage.needed;
    if (!(end <= length)) throw damaged(path, `a tensor ends after its storage ${storage.key}`);
    if (!(repeated <= length)) throw repeats(path, `a tensor repeats numbers of its storage ${storage.key}`);
    storage.bytes = await file.read(offset, new Uint8Array(length));
    if (isBigEndian && storage.type !== undefined) swapBytes(storage.bytes, itemBytes(storage.type as Dtype));
  }
}

/** For tensors that take more memory than the file. */
function repeats(path: string, reason: string): Error {
  return new Error(`Cannot read ${path}: ${reason}. Save a copy of it (tensor.clone()).`);
}

/**
 * Reads the tensors of a file of `torch.save`; its pickle is read as data, and nothing of it is run.
 *
 * @param names Which, as {@linkcode torchTensors} calls them; default all whose type is read.
 * @throws {Error} A sentence if the file is missing, cut off, damaged, of another format, asks for anything but tensors and
 * plain values, or lacks one of the names.
 */
export async function readTorch(path: string, names?: readonly string[]): Promise<Tensors> {
  using file = await openTorch(path);
  const there = torchTensors(file);
  const missing = names?.find((name) => !there.has(name));
  if (missing !== undefined) {
    throw new Error(
      `Expected a tensor named ${missing} in ${path} but it has ${
        listed(there.keys())
      }: give another file, or copy it again.`,
    );
  }
  const tensors = new Map<string, Tensor>();
  for (const [name, tensor] of there) {
    if (names ? !names.includes(name) : !tensor.dtype) continue;
    const place = torchPlace(file, name, tensor);
    if (tensor.length * itemBytes(place.dtype) > file.parts.get(tensor.storage.key)!.length) {
      throw repeats(path, `${name === "" ? "its tensor" : visibleText(name)} repeats numbers of its storage`);
    }
    tensors.set(name, await readPlace(file.file, place));
  }
  return tensors;
}

/**
 * Where the tensors of a checkpoint of `torch.save` lie, for whoever maps them into memory.
 *
 * @throws {Error} A sentence if the file is missing, cut off, damaged, of another format, asks for anything but tensors, or
 * if a tensor is no plain part of its storage.
 */
export async function outlineTorch(path: string): Promise<ReadonlyMap<string, TensorPlace>> {
  using file = await openTorch(path);
  if (!(file.value instanceof PickleDict)) throw damaged(path, "it holds no dictionary of tensors");
  const places = new Map<string, TensorPlace>();
  for (const [name, tensor] of torchTensors(file)) {
    const { dtype, shape, strides, offset, isBigEndian } = torchPlace(file, name, tensor);
    if (isBigEndian) throw damaged(path, "its numbers are big-endian");
    if (!isInCOrder({ shape, strides })) {
      throw new Error(
        `Cannot read ${path}: ${
          visibleText(name)
        } is a turned view of its storage. Save the model anew, as safetensors.`,
      );
    }
    places.set(name, { dtype, shape, offset, length: elementCount(shape)! * itemBytes(dtype) });
  }
  return places;
}
