import { assertEquals, assertLess } from "@std/assert";
import { Buffer } from "node:buffer";
import { inflateSync } from "node:zlib";
import { pngFile } from "../../src/report/png_file.ts";
import { Random } from "../../src/compute/mod.ts";

/** The chunks of a PNG, with the checksums that stand behind them. */
function chunksOf(file: Uint8Array): { name: string; data: Uint8Array; checksum: number }[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const chunks = [];
  for (let at = 8; at < file.length;) {
    const length = view.getUint32(at);
    const data = file.subarray(at + 8, at + 8 + length);
    const name = new TextDecoder().decode(file.subarray(at + 4, at + 8));
    chunks.push({ name, data, checksum: view.getUint32(at + 8 + length) });
    at += 12 + length;
  }
  return chunks;
}

Deno.test("a PNG holds its pixels, row by row", () => {
  const random = new Random(1);
  for (const [width, height] of [[1, 1], [5, 3], [300, 200]]) {
    const pixels = Uint8Array.from({ length: 4 * width * height }, () => random.integer(256));
    const file = pngFile(pixels, width, height);
    assertEquals([...file.subarray(0, 8)], [...Buffer.from("\x89PNG\r\n\x1a\n", "latin1")]);
    const [header, image, end] = chunksOf(file);
    assertEquals([header.name, image.name, end.name, end.data.length], ["IHDR", "IDAT", "IEND", 0]);
    const view = new DataView(header.data.buffer, header.data.byteOffset);
    assertEquals([view.getUint32(0), view.getUint32(4), ...header.data.subarray(8)], [width, height, 8, 6, 0, 0, 0]);
    const rows = inflateSync(image.data);
    assertEquals(rows.length, height * (1 + 4 * width));
    for (let y = 0; y < height; y++) {
      const row = rows.subarray(y * (1 + 4 * width), (y + 1) * (1 + 4 * width));
      assertEquals(row[0], 0);
      assertEquals([...row.subarray(1)], [...pixels.subarray(4 * y * width, 4 * (y + 1) * width)]);
    }
    // As the PNG specification gives it, for the chunk that is always the same.
    assertEquals(end.checksum, 0xae426082);
  }
  // An area of one colour takes next to nothing.
  assertLess(pngFile(new Uint8Array(4e6).fill(255), 1000, 1000).length, 10_000);
});
