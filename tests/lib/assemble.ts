/**
 * Assembles kernels/*.wat to the .wasm beside them, which are imported: run it after a change of one.
 *
 *     deno task assemble
 */
import openWabt from "npm:wabt@1.0.39";

/** Where the kernels are. */
export const KERNELS = new URL("../../kernels/", import.meta.url);

/** Names of the kernels in WebAssembly, without the ending. */
export async function assembledKernels(): Promise<string[]> {
  const files = await Array.fromAsync(Deno.readDir(KERNELS));
  return files.filter(({ name }) => name.endsWith(".wat")).map(({ name }) => name.slice(0, -".wat".length)).sort();
}

/** The module of a kernel's text, checked. */
export async function assemble(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const wabt = await openWabt();
  const text = await Deno.readTextFile(new URL(`${name}.wat`, KERNELS));
  const parsed = wabt.parseWat(`${name}.wat`, text, { simd: true, bulk_memory: true });
  try {
    parsed.validate();
    return new Uint8Array(parsed.toBinary({}).buffer);
  } finally {
    parsed.destroy();
  }
}

if (import.meta.main) {
  for (const name of await assembledKernels()) {
    await Deno.writeFile(new URL(`${name}.wasm`, KERNELS), await assemble(name));
  }
}
