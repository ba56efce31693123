import { Random } from "../../src/compute/mod.ts";

const SECTOR = 512;

/**
 * Damaged copies of a file, in turns: a flipped bit, a changed byte, a piece put elsewhere, a cut end, zeroed sectors, bytes
 * put in or taken out, a changed length or offset (four bytes).
 */
export function* mutations(
  whole: Uint8Array<ArrayBuffer>,
  count: number,
  seed = 7,
): Generator<Uint8Array<ArrayBuffer>> {
  const random = new Random(seed);
  const below = (end: number) => Math.floor(random.next() * end);
  for (let i = 0; i < count; i++) {
    const bytes = whole.slice();
    const at = below(bytes.length);
    const kind = i % 7;
    if (kind === 0) bytes[at] ^= 1 << below(8);
    else if (kind === 1) bytes[at] = below(256);
    else if (kind === 2) bytes.copyWithin(at, below(bytes.length), below(bytes.length));
    else if (kind === 4) {
      const sector = Math.floor(at / SECTOR) * SECTOR;
      bytes.fill(0, sector, sector + SECTOR * (1 + below(3)));
    } else if (kind === 6) {
      const view = new DataView(bytes.buffer);
      const word = Math.min(bytes.length - 4, at - at % 4);
      if (word >= 0) {
        view.setUint32(word, [0, 1, 0x7fffffff, 0xffffffff, below(2 ** 32), below(1 << 16)][below(6)], true);
      }
    }
    if (kind === 3) yield bytes.slice(0, at);
    else if (kind === 5) {
      const length = 1 + below(64);
      const middle = below(2) === 0 ? new Uint8Array(length) : new Uint8Array(0);
      const rest = middle.length > 0 ? bytes.subarray(at) : bytes.subarray(at + length);
      yield new Uint8Array([...bytes.subarray(0, at), ...middle, ...rest]);
    } else yield bytes;
  }
}
