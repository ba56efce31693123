/**
 * Where tensors lie in a file of `torch.save`: a zip archive of stored members, a pickle that says what each tensor is and the
 * storages themselves. The pickle is read as data; nothing of it is run.
 *
 * https://docs.pytorch.org/docs/stable/notes/serialization.html
 */
import { type ByteFile, openByteFile } from "./byte_file.ts";
import {
  type PickleDialect,
  PickleDict,
  PickleGlobal,
  PickleMade,
  PickleText,
  PickleTuple,
  type PickleValue,
  readPickle,
} from "./pickle/pickle.ts";
import type { PickleSource } from "./pickle/source.ts";
import type { TensorPlace } from "./safetensors.ts";
import { type Dtype, itemBytes } from "./tensor.ts";
import { visibleText } from "./visible_text.ts";
import { type Entry, FileBytes, ZipReader } from "./zip.ts";

/** A storage: a member of the archive, and what its numbers are. */
class Storage extends PickleMade {
  constructor(readonly dtype: Dtype, readonly key: string) {
    super();
  }
}

/** A tensor: a part of a storage. */
class StoredView extends PickleMade {
  constructor(
    readonly storage: Storage,
    readonly first: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {
    super();
  }
}

const DTYPES: Readonly<Record<string, Dtype>> = {
  DoubleStorage: "float64",
  FloatStorage: "float32",
  HalfStorage: "float16",
  BFloat16Storage: "bfloat16",
  LongStorage: "int64",
  IntStorage: "int32",
  ShortStorage: "int16",
  CharStorage: "int8",
  ByteStorage: "uint8",
  BoolStorage: "bool",
};

/** What state dictionaries of `torch.save` may ask for. */
const TORCH: PickleDialect = {
  admits: "tensors of torch.save",
  globals: new Map([
    ["collections.OrderedDict", new PickleGlobal("collections.OrderedDict", emptyDict)],
    ["torch._utils._rebuild_tensor_v2", new PickleGlobal("torch._utils._rebuild_tensor_v2", tensor)],
    ["torch._utils._rebuild_parameter", new PickleGlobal("torch._utils._rebuild_parameter", (_, [tensor]) => tensor)],
    ...Object.keys(DTYPES).map((name) => [`torch.${name}`, new PickleGlobal(name)] as const),
  ]),
  persistent(source, id) {
    const [kind, type, key] = id instanceof PickleTuple ? id.items : [];
    const dtype = type instanceof PickleGlobal ? DTYPES[type.name] : undefined;
    if (!(kind instanceof PickleText) || kind.toString() !== "storage" || !(key instanceof PickleText) || !dtype) {
      return undefined;
    }
    source.charge(100);
    return new Storage(dtype, key.toString());
  },
  // What a state dictionary knows of its modules' versions says nothing of tensors.
  dropsStates: true,
};

function emptyDict(source: PickleSource, args: readonly PickleValue[]): PickleDict | undefined {
  if (args.length > 0) return undefined;
  source.charge(200);
  return new PickleDict();
}

/** `_rebuild_tensor_v2(storage, first, shape, strides, requires_grad, hooks)`. */
function tensor(source: PickleSource, args: readonly PickleValue[]): StoredView | undefined {
  // What stands behind the six may turn its sign: such a tensor is not its storage.
  if (args.length !== 6) return undefined;
  const [storage, first, shape, strides] = args;
  if (!(storage instanceof Storage) || typeof first !== "number") return undefined;
  const [sizes, steps] = [wholeNumbers(shape), wholeNumbers(strides)];
  if (!sizes || !steps) return undefined;
  source.charge(200);
  return new StoredView(storage, first, sizes, steps);
}

function wholeNumbers(value: PickleValue): number[] | undefined {
  if (!(value instanceof PickleTuple)) return undefined;
  const items = value.items;
  return items.every((item) => typeof item === "number" && Number.isSafeInteger(item) && item >= 0)
    ? items as number[]
    : undefined;
}

/**
 * Where the tensors of a file of `torch.save` lie.
 *
 * @throws {Error} A sentence if the file is missing, cut off, damaged, of another form (the one before PyTorch 1.6), or asks
 * for anything but tensors.
 */
export async function outlineTorch(path: string): Promise<ReadonlyMap<string, TensorPlace>> {
  using file = await openByteFile(path, "a file of torch.save");
  const members = await membersOf(file);
  const [root] = [...members.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name)).map((name) => name.slice(0, -8));
  if (root === undefined) throw damaged(path, "it has no data.pkl");
  const order = members.get(`${root}byteorder`);
  if (order && new TextDecoder().decode(await bytesOf(file, order)) !== "little") {
    throw damaged(path, "its numbers are big-endian");
  }
  const state = readPickle(await bytesOf(file, members.get(`${root}data.pkl`)!), `${path} (data.pkl)`, TORCH);
  if (!(state instanceof PickleDict)) throw damaged(path, "it holds no dictionary of tensors");
  const tensors = new Map<string, TensorPlace>();
  for (const [name, value] of state.entries) {
    if (!(value instanceof StoredView) || typeof name !== "string") continue;
    tensors.set(name, placeOf(path, name, value, members.get(`${root}data/${value.storage.key}`)));
  }
  return tensors;
}

/** A member of the archive: its first byte, and how many there are. */
interface Member {
  readonly offset: number;
  readonly length: number;
}

async function membersOf(file: ByteFile): Promise<Map<string, Member>> {
  let entries: Entry[];
  try {
    entries = await new ZipReader(new FileBytes(file), { checkOverlappingEntry: true }).getEntries();
  } catch (cause) {
    throw damaged(
      file.path,
      `${(cause as Error).message}. Files from before PyTorch 1.6 are not read: save it anew`,
      cause,
    );
  }
  const members = new Map<string, Member>();
  for (const { filename, offset, compressionMethod, uncompressedSize } of entries) {
    if (compressionMethod !== 0) throw damaged(file.path, `its member ${filename} is packed`);
    // The name and what follows it stand before the bytes, as long as the member itself says.
    const header = new DataView((await file.read(offset, new Uint8Array(30))).buffer);
    const start = offset + 30 + header.getUint16(26, true) + header.getUint16(28, true);
    if (start + uncompressedSize > file.size) throw damaged(file.path, `its member ${filename} ends after the file`);
    if (members.has(filename)) throw damaged(file.path, `it has ${filename} twice`);
    members.set(filename, { offset: start, length: uncompressedSize });
  }
  return members;
}

function bytesOf(file: ByteFile, { offset, length }: Member): Promise<Uint8Array<ArrayBuffer>> {
  return file.read(offset, new Uint8Array(length));
}

function placeOf(path: string, name: string, view: StoredView, member: Member | undefined): TensorPlace {
  const { storage: { dtype, key }, first, shape, strides } = view;
  if (!member) throw damaged(path, `the storage ${key} of ${name} is not there`);
  // The stride that each axis has in C order, from the last on; that of an axis of length 1 is never used.
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] > 1 && strides[axis] !== step) {
      throw new Error(
        `Cannot read ${path}: ${
          visibleText(name)
        } is a turned view of its storage. Save the model anew, as safetensors.`,
      );
    }
    step *= shape[axis];
  }
  const [offset, length] = [first * itemBytes(dtype), step * itemBytes(dtype)];
  if (offset + length > member.length) throw damaged(path, `${name} ends after its storage ${key}`);
  return { dtype, shape, offset: member.offset + offset, length };
}

function damaged(path: string, reason: string, cause?: unknown): Error {
  return new Error(
    `Cannot read ${path}: expected a whole file of torch.save but ${visibleText(reason)}. Copy it again.`,
    { cause },
  );
}
