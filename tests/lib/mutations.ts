import { Random } from "../../src/compute/random.ts";

/** Damaged copies of a file: flipped bits, changed bytes, cut ends and pieces put elsewhere, in turns. */
export function* mutations(whole: Uint8Array<ArrayBuffer>, count: number): Generator<Uint8Array<ArrayBuffer>> {
  const random = new Random(7);
  const below = (end: number) => Math.floor(random.next() * end);
  for (let i = 0; i < count; i++) {
    const bytes = whole.slice();
    const at = below(bytes.length);
    if (i % 4 === 0) bytes[at] ^= 1 << below(8);
    else if (i % 4 === 1) bytes[at] = below(256);
    else if (i % 4 === 2) bytes.copyWithin(at, below(bytes.length), below(bytes.length));
    yield i % 4 === 3 ? bytes.slice(0, at) : bytes;
  }
}
