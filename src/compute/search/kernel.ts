// provisional until wasm room lands
const bytes = await Deno.readFile(new URL("../../../kernels/code_rows.wasm", import.meta.url));
const { instance } = await WebAssembly.instantiate(bytes);
const exports = instance.exports as unknown as {
  memory: WebAssembly.Memory;
  rotate(row: number, rows: number, width: number, block: number, signs: number, tops: number, squares: number): void;
  quantise(row: number, rows: number, width: number, scales: number, flip: number, codes: number, losses: number): void;
};

export interface Bench {
  readonly rows: Float32Array;
  readonly codes: Uint8Array;
  readonly signs: Float32Array;
  readonly tops: Float32Array;
  readonly squares: Float32Array;
  readonly scales: Float32Array;
  readonly places: Readonly<Record<"rows" | "codes" | "signs" | "tops" | "squares" | "scales", number>>;
}

export const codeRowsKernel = {
  rotate: exports.rotate,
  quantise: exports.quantise,
  bench(rows: number, width: number): Bench {
    const sizes = {
      rows: rows * width * 4,
      signs: width * 4,
      codes: rows * width,
      tops: rows * 4,
      squares: rows * 4,
      scales: rows * 4,
    };
    let end = 0;
    const places = {} as Record<keyof typeof sizes, number>;
    for (const [name, size] of Object.entries(sizes) as [keyof typeof sizes, number][]) {
      places[name] = end;
      end += Math.ceil(size / 16) * 16;
    }
    const { memory } = exports;
    const pages = Math.ceil(end / 65536) - memory.buffer.byteLength / 65536;
    if (pages > 0) memory.grow(pages);
    const floats = (name: keyof typeof sizes) => new Float32Array(memory.buffer, places[name], sizes[name] / 4);
    return {
      rows: floats("rows"),
      signs: floats("signs"),
      tops: floats("tops"),
      squares: floats("squares"),
      scales: floats("scales"),
      codes: new Uint8Array(memory.buffer, places.codes, sizes.codes),
      places,
    };
  },
};
