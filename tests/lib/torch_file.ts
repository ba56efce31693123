/** Files as `torch.save` writes them: a zip archive of a pickle and the storages of the tensors. */
import { BINPERSID, OP } from "../../src/files/pickle/opcodes.ts";
import { ZipWriter } from "../../src/files/zip.ts";
import { global, little, type Part, pickle, text } from "./pickle_bytes.ts";

/** A tensor of float32, or of int32 where its numbers are. */
export interface SavedTensor {
  readonly shape: readonly number[];
  /** Its numbers in C order. */
  readonly data: Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;
  /** Whether it is kept turned: its storage has the first axis of a matrix as the fastest. */
  readonly isTurned?: boolean;
}

/** Writes a state dictionary. */
export async function writeTorch(path: string, tensors: Readonly<Record<string, SavedTensor>>): Promise<void> {
  const items = Object.entries(tensors).map(([name, tensor], key) => [text(name), tensorOf(tensor, String(key))]);
  const archive = new ZipWriter(await Deno.create(path), { level: 0 });
  const add = (name: string, bytes: Uint8Array<ArrayBuffer>) =>
    archive.add(`archive/${name}`, new Blob([bytes]).stream());
  await add("data.pkl", pickle(OP.EMPTY_DICT, OP.MARK, ...items.flat(), OP.SETITEMS));
  for (const [key, tensor] of Object.values(tensors).entries()) {
    const { buffer } = tensor.isTurned ? turned(tensor) : tensor.data;
    await add(`data/${key}`, new Uint8Array(buffer));
  }
  await archive.close();
}

function tensorOf({ shape, data, isTurned }: SavedTensor, key: string): Part {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, length) => product * length, 1));
  const whole = (value: number): Part => [OP.BININT, little(value, 4)];
  const tuple = (...parts: Part[]): Part => [OP.MARK, ...parts, OP.TUPLE];
  const kind = global("torch", data instanceof Int32Array ? "IntStorage" : "FloatStorage");
  return [
    global("torch._utils", "_rebuild_tensor_v2"),
    tuple(
      [tuple(text("storage"), kind, text(key), text("cpu"), whole(data.length)), BINPERSID],
      whole(0),
      tuple(...shape.map(whole)),
      tuple(...(isTurned ? [1, shape[0]] : strides).map(whole)),
      OP.NEWFALSE,
      [global("collections", "OrderedDict"), OP.EMPTY_TUPLE, OP.REDUCE],
    ),
    OP.REDUCE,
  ];
}

function turned({ shape: [rows, columns], data }: SavedTensor): Float32Array<ArrayBuffer> {
  return Float32Array.from(data, (_, i) => data[(i % rows) * columns + Math.floor(i / rows)]);
}
