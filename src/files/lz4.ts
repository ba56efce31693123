/** Unpacks LZ4, which Arrow and Parquet files use. lz4js is named here and nowhere else, and loaded once it is needed. */

/** Unpacks to so many bytes. */
export type Unpack = (packed: Uint8Array, size: number) => Uint8Array<ArrayBuffer>;

/** The kinds of LZ4 there are. */
export interface Lz4 {
  /** A frame, as Arrow has it. */
  readonly frame: Unpack;
  /** A block, which Parquet calls LZ4_RAW. */
  readonly block: Unpack;
  /** What Parquet calls LZ4: blocks with Hadoop's lengths before them, or, of old writers of Arrow, a block or a frame. */
  readonly hadoop: Unpack;
}

/** What of lz4js is used; it gives how far it has filled `target`. Of its frames, those with checksums are read wrongly. */
interface Lz4Js {
  decompressBlock(packed: Uint8Array, target: Uint8Array, start: number, length: number, targetStart: number): number;
}

/** Where a packed block lies, or one that is left as it is. */
interface Block {
  readonly start: number;
  readonly length: number;
  readonly isPacked: boolean;
}

const FRAME_MAGIC = 0x184d2204;

/** Loads the library. */
export async function loadLz4(): Promise<Lz4> {
  const { default: lz4 } = await import("npm:lz4js@0.2.0") as { default: Lz4Js };
  const unpack = (packed: Uint8Array, blocks: readonly Block[], size: number) => {
    const target = new Uint8Array(size);
    let count = 0;
    for (const { start, length, isPacked } of blocks) {
      if (isPacked) count = lz4.decompressBlock(packed, target, start, length, count);
      else {
        if (count + length > size) throw new Error(`LZ4 unpacks to more than ${size} bytes`);
        target.set(packed.subarray(start, start + length), count);
        count += length;
      }
    }
    // The library writes nothing beyond the end, but counts on.
    if (count !== size) throw new Error(`LZ4 unpacks to ${count} bytes, not ${size}`);
    return target;
  };
  const frame: Unpack = (packed, size) => unpack(packed, frameBlocks(packed), size);
  const block: Unpack = (packed, size) => unpack(packed, [{ start: 0, length: packed.length, isPacked: true }], size);
  const hadoop: Unpack = (packed, size) => {
    const blocks = hadoopBlocks(packed, size);
    if (blocks) return unpack(packed, blocks, size);
    return isFrame(packed) ? frame(packed, size) : block(packed, size);
  };
  return { frame, block, hadoop };
}

function isFrame(packed: Uint8Array): boolean {
  return packed.length >= 7 && viewOf(packed).getUint32(0, true) === FRAME_MAGIC;
}

/** Where the blocks of a frame lie (LZ4 Frame Format 1.6.4). */
function frameBlocks(packed: Uint8Array): Block[] {
  if (!isFrame(packed)) throw new Error("it is no frame of LZ4");
  const view = viewOf(packed);
  const flags = packed[4];
  const [hasBlockChecksums, hasSize, hasDictionary] = [flags & 0x10, flags & 0x08, flags & 0x01];
  if (hasDictionary) throw new Error("a frame of LZ4 wants a dictionary of its own");
  // Magic, flags, block size; then the checksum of these.
  let offset = 6 + (hasSize ? 8 : 0) + 1;
  const blocks: Block[] = [];
  while (offset + 4 <= packed.length) {
    const told = view.getUint32(offset, true);
    if (told === 0) return blocks;
    const length = told & 0x7fffffff;
    blocks.push({ start: offset + 4, length, isPacked: told === length });
    offset += 4 + length + (hasBlockChecksums ? 4 : 0);
  }
  throw new Error("a frame of LZ4 ends early");
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Where the blocks of Hadoop's framing lie; undefined if the lengths say that it is none. */
function hadoopBlocks(packed: Uint8Array, size: number): Block[] | undefined {
  const view = viewOf(packed);
  const blocks: Block[] = [];
  let [offset, unpacked] = [0, 0];
  while (offset + 8 <= packed.length) {
    unpacked += view.getUint32(offset);
    const length = view.getUint32(offset + 4);
    blocks.push({ start: offset + 8, length, isPacked: true });
    offset += 8 + length;
  }
  return offset === packed.length && unpacked === size ? blocks : undefined;
}
