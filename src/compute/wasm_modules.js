/**
 * The assembled kernels: see kernels/README.md. In JavaScript, because TypeScript cannot read imports of a module's source
 * yet. They work from URLs, and unlike other imports of `.wasm` leave it to us how many instances there are.
 */
import source codeRows from "../../kernels/code_rows.wasm";
import source countPairs from "../../kernels/count_pairs.wasm";
import source exactDots from "../../kernels/exact_dots.wasm";
import source fitRows from "../../kernels/fit_rows.wasm";
import source unitRows from "../../kernels/unit_rows.wasm";

/** Modules by the name of their file; see `openKernel` of `wasm.ts`. @type {Readonly<Record<"codeRows" | "countPairs" | "exactDots" | "fitRows" | "unitRows", WebAssembly.Module>>} */
export const modules = { codeRows, countPairs, exactDots, fitRows, unitRows };
