/** PNG files: pixels, deflated. */
import { crc32, deflateSync } from "node:zlib";

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
/** Of a header: eight bits a channel, red, green, blue and alpha, and the only ways to deflate, filter and store rows. */
const FORMAT = Uint8Array.of(8, 6, 0, 0, 0);

/**
 * A PNG file of an image. Rows are stored as they are: deflate finds what repeats in charts, which are areas of one
 * colour, better than PNG's filters leave it to be found.
 *
 * @param pixels Red, green, blue and alpha of each, row by row: `4 width height` bytes.
 */
export function pngFile(pixels: Uint8Array, width: number, height: number): Uint8Array<ArrayBuffer> {
  const stride = 4 * width;
  // Each row begins with its filter: 0, none.
  const rows = new Uint8Array(height * (1 + stride));
  for (let y = 0; y < height; y++) rows.set(pixels.subarray(y * stride, (y + 1) * stride), y * (1 + stride) + 1);
  const header = new Uint8Array(8 + FORMAT.length);
  const sizes = new DataView(header.buffer);
  sizes.setUint32(0, width);
  sizes.setUint32(4, height);
  header.set(FORMAT, 8);
  const parts = [
    SIGNATURE,
    ...chunk("IHDR", header),
    ...chunk("IDAT", deflateSync(rows)),
    ...chunk("IEND", new Uint8Array()),
  ];
  const file = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let position = 0;
  for (const part of parts) {
    file.set(part, position);
    position += part.length;
  }
  return file;
}

/** A chunk: the length of its data, its name, the data, and the checksum of name and data. */
function chunk(name: string, data: Uint8Array): Uint8Array[] {
  const uint32 = (value: number) => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value);
    return bytes;
  };
  return [uint32(data.length), new TextEncoder().encode(name), data, uint32(crc32(data, crc32(name)))];
}
