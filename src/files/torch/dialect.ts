/** What pickles of `torch.save` may ask for: storages, tensors as parts of them, and what stands beside tensors. */
import {
  BUILTINS,
  NUMPY,
  PickleArray,
  type PickleDialect,
  PickleDict,
  PickleGlobal,
  PickleMade,
  PickleText,
  PickleTuple,
  type PickleValue,
} from "../pickle/pickle.ts";
import type { PickleSource } from "../pickle/source.ts";
import { extentOf } from "../strided.ts";
import { type Dtype, DTYPES, isDtype, itemBytes } from "../tensor.ts";

/** Types by the names of their storages; those that are not a {@linkcode Dtype} are told and not read. */
const STORAGES: Readonly<Record<string, string>> = {
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
  ComplexDoubleStorage: "complex128",
  ComplexFloatStorage: "complex64",
};

/** Types that `_rebuild_tensor_v3` and configurations name. */
const TYPES = [
  ...DTYPES,
  "complex32",
  "complex64",
  "complex128",
  "float8_e4m3fn",
  "float8_e4m3fnuz",
  "float8_e5m2",
  "float8_e5m2fnuz",
  "float8_e8m0fnu",
];

/** Bytes that tensors are parts of. */
export class TorchStorage extends PickleMade {
  /** The bytes, once they are read. */
  bytes?: Uint8Array<ArrayBuffer>;
  /** The most that a tensor takes of it: bytes up to its last number, and bytes of its numbers where some are repeated. */
  needed = { end: 0, repeated: 0 };

  /**
   * @param type Type of the numbers; undefined of bytes whose type the tensors tell.
   * @param key Its name in the file.
   */
  constructor(readonly type: string | undefined, readonly key: string) {
    super();
  }
}

/** A tensor: a part of a storage. */
export class TorchTensor extends PickleArray {
  /** Type of the numbers; undefined if it is one that is not read. */
  readonly dtype?: Dtype;

  constructor(
    readonly storage: TorchStorage,
    /** As PyTorch calls it. */
    readonly type: string,
    readonly first: number,
    override readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {
    super();
    if (isDtype(type)) this.dtype = type;
    if (!this.dtype) return;
    const { end, repeated } = storage.needed;
    const size = itemBytes(this.dtype);
    storage.needed = { end: Math.max(end, size * this.end), repeated: Math.max(repeated, size * this.length) };
  }

  override get isFloat(): boolean {
    return this.dtype?.includes("float") ?? false;
  }

  override get rounding(): number {
    return this.dtype === "float16" ? 2 ** -11 : this.dtype === "bfloat16" ? 2 ** -8 : 0;
  }

  override at(i: number): number | bigint | boolean {
    let [element, rest] = [this.first, i];
    for (let axis = this.shape.length - 1; axis >= 0; axis--) {
      element += (rest % this.shape[axis]) * this.strides[axis];
      rest = Math.floor(rest / this.shape[axis]);
    }
    const { buffer, byteOffset, byteLength } = this.storage.bytes!;
    return valueAt(this.dtype!, new DataView(buffer, byteOffset, byteLength), element);
  }

  /** Numbers of the storage up to the tensor's last. */
  get end(): number {
    return this.shape.includes(0) ? 0 : this.first + extentOf(this);
  }
}

function valueAt(dtype: Dtype, view: DataView, i: number): number | bigint | boolean {
  switch (dtype) {
    case "float64":
      return view.getFloat64(8 * i, true);
    case "float32":
      return view.getFloat32(4 * i, true);
    case "float16":
      return view.getFloat16(2 * i, true);
    case "bfloat16": {
      const bits = new DataView(new ArrayBuffer(4));
      bits.setUint16(2, view.getUint16(2 * i, true), true);
      return bits.getFloat32(0, true);
    }
    case "int64":
      return view.getBigInt64(8 * i, true);
    case "uint64":
      return view.getBigUint64(8 * i, true);
    case "int32":
      return view.getInt32(4 * i, true);
    case "uint32":
      return view.getUint32(4 * i, true);
    case "int16":
      return view.getInt16(2 * i, true);
    case "uint16":
      return view.getUint16(2 * i, true);
    case "int8":
      return view.getInt8(i);
    case "uint8":
      return view.getUint8(i);
    case "bool":
      return view.getUint8(i) !== 0;
    default:
      return dtype satisfies never;
  }
}

const GLOBALS: ReadonlyMap<string, PickleGlobal> = new Map([
  ...BUILTINS,
  ...NUMPY,
  ["collections.OrderedDict", new PickleGlobal("collections.OrderedDict", emptyDict)],
  ["torch._utils._rebuild_tensor_v2", new PickleGlobal("torch._utils._rebuild_tensor_v2", tensor)],
  ["torch._utils._rebuild_tensor_v3", new PickleGlobal("torch._utils._rebuild_tensor_v3", tensorOfType)],
  ["torch._utils._rebuild_parameter", new PickleGlobal("torch._utils._rebuild_parameter", (_, [tensor]) => tensor)],
  ["torch.Size", new PickleGlobal("torch.Size", (_, [sizes]) => sizes instanceof PickleTuple ? sizes : undefined)],
  ["torch.device", new PickleGlobal("torch.device", (_, [name]) => name)],
  ["torch.storage.UntypedStorage", new PickleGlobal("UntypedStorage")],
  ...Object.keys(STORAGES).map((name) => [`torch.${name}`, new PickleGlobal(name)] as const),
  ...TYPES.map((name) => [`torch.${name}`, new PickleGlobal(name)] as const),
]);

/**
 * What a file of `torch.save` may ask for.
 *
 * @param storages Gets the storages that the pickle names, by their keys.
 * @param more What else is admitted, and what sentences call it.
 */
export function torchDialect(
  storages: Map<string, TorchStorage>,
  more?: Pick<PickleDialect, "admits" | "globals">,
): PickleDialect {
  return {
    admits: more ? `tensors of torch.save, ${more.admits}` : "tensors of torch.save and NumPy arrays",
    globals: new Map([...GLOBALS, ...more?.globals ?? []]),
    persistent(source, id) {
      const items = id instanceof PickleTuple ? id.items : [];
      const [kind, type, key, , , view = null] = items;
      const isStorage = type instanceof PickleGlobal && (type.name in STORAGES || type.name === "UntypedStorage");
      const isNamed = kind instanceof PickleText && kind.toString() === "storage" && key instanceof PickleText;
      // What stands behind the five is a part of another storage, as PyTorch 0.4 wrote.
      if (!isStorage || !isNamed || view !== null) return undefined;
      const name = key.toString();
      const known = storages.get(name);
      if (known && known.type !== STORAGES[type.name]) throw source.damaged(`its storage ${name} has two types`);
      if (known) return known;
      source.charge(100);
      const storage = new TorchStorage(STORAGES[type.name], name);
      storages.set(name, storage);
      return storage;
    },
    // What a state dictionary knows of its modules' versions says nothing of tensors.
    dropsStates: true,
  };
}

function emptyDict(source: PickleSource, args: readonly PickleValue[]): PickleDict | undefined {
  if (args.length > 0) return undefined;
  source.charge(200);
  return new PickleDict();
}

/** `_rebuild_tensor_v2(storage, first, shape, strides, requires_grad, hooks)`. */
function tensor(source: PickleSource, args: readonly PickleValue[]): TorchTensor | undefined {
  // What stands behind the six may turn its sign: such a tensor is not its storage.
  if (args.length !== 6) return undefined;
  const [storage] = args;
  return storage instanceof TorchStorage && storage.type !== undefined
    ? viewOf(source, storage, storage.type, args)
    : undefined;
}

/** `_rebuild_tensor_v3(storage, first, shape, strides, requires_grad, hooks, dtype)`, of types that have no storages. */
function tensorOfType(source: PickleSource, args: readonly PickleValue[]): TorchTensor | undefined {
  const [storage, type] = [args[0], args[6]];
  if (args.length !== 7 || !(storage instanceof TorchStorage) || !(type instanceof PickleGlobal)) return undefined;
  return TYPES.includes(type.name) ? viewOf(source, storage, type.name, args) : undefined;
}

function viewOf(
  source: PickleSource,
  storage: TorchStorage,
  type: string,
  [, first, shape, strides]: readonly PickleValue[],
): TorchTensor | undefined {
  const [sizes, steps] = [wholeNumbers(shape), wholeNumbers(strides)];
  if (!isWhole(first) || !sizes || !steps || sizes.length !== steps.length) return undefined;
  source.charge(200 + 16 * sizes.length);
  return new TorchTensor(storage, type, first, sizes, steps);
}

function wholeNumbers(value: PickleValue): number[] | undefined {
  if (!(value instanceof PickleTuple)) return undefined;
  return value.items.every(isWhole) ? value.items as number[] : undefined;
}

function isWhole(value: PickleValue): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
