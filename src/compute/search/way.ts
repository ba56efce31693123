/** Which products find the nearest on the CPU: by size, and by how fast this machine makes either. */
import type { SearchWay } from "../backend.ts";
import type { CpuRows } from "../cpu_matrix.ts";
import { assertOneOf } from "../known_options.ts";
import { nativeRuntime } from "../ort.ts";
import { integerLevels } from "./integer_levels.ts";
import { floatProducts, integerProducts } from "./products.ts";
import { codedWidth, RowCoder, WIDEST } from "./row_coder.ts";

/** Fewer rows or exemplars, or shorter ones, are not worth a look. */
const [FEWEST_ROWS, FEWEST_EXEMPLARS, SHORTEST] = [16, 256, 64];
/** Multiply-adds that are done with float32 products before anything is measured: some tenths of a second. */
const UNMEASURED = 2 ** 33;
/** What is measured: this many rows and exemplars, of two lengths, and the fastest of this many times. */
const [ROWS, EXEMPLARS, LENGTHS, TIMES] = [512, 2048, [256, 1024], 3] as const;

/** Nanoseconds that a product of one row with one exemplar takes: `fixed + length * each`. */
interface Cost {
  readonly fixed: number;
  readonly each: number;
}

interface Measured {
  readonly float: Cost;
  readonly integer: Cost;
  /** Nanoseconds that coding a number takes. */
  readonly coding: number;
}

const WAYS = ["integers", "float"] as const;
const ASKED = "asked for";

/** Chooses for one process. */
export class WayChooser {
  #measured?: Measured;
  /** The largest code of an exemplar; `undefined` if no products of codes are right here. */
  #levels?: number;
  #chosen?: SearchWay;
  /** Whether integers have answered a search. */
  #isUsed = false;
  #isMeasuring?: Promise<void>;
  #work = 0;
  /** Searches that compute. */
  readonly #computing = new Set<Promise<void>>();

  /** @param forced The way of all searches; default the faster. */
  constructor(readonly forced?: SearchWay["way"]) {
    if (forced !== undefined) assertOneOf("the way to search", forced, WAYS);
    if (forced === "float") this.#chosen = { way: "float", because: ASKED };
  }

  /** What was chosen and why; `undefined` before there was anything to choose. */
  get chosen(): SearchWay | undefined {
    return this.forced === undefined && !this.#isUsed ? inFloat(this.#chosen) : this.#chosen;
  }

  /** Notes that integers have answered a search. */
  used(): void {
    this.#isUsed = true;
  }

  /** Counts a search that computes until it is over: what is measured meanwhile tells nothing. */
  search(): Disposable {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#computing.add(promise);
    return {
      [Symbol.dispose]: () => {
        this.#computing.delete(promise);
        resolve();
      },
    };
  }

  /** The largest code of an exemplar if a search is to be done with integers; `undefined` if with float32 products. */
  async levels(queries: CpuRows, exemplars: CpuRows): Promise<number | undefined> {
    const { rows, dim } = queries;
    if (this.forced === "float" || codedWidth(dim) > WIDEST) return undefined;
    if (this.forced === undefined) {
      if (rows < FEWEST_ROWS || exemplars.rows < FEWEST_EXEMPLARS || dim < SHORTEST) return undefined;
      this.#work += rows * exemplars.rows * dim;
      if (!this.#isMeasuring && this.#work < UNMEASURED) return undefined;
    }
    // Other large searches that are asked for wait here, too.
    await (this.#isMeasuring ??= this.#measure());
    if (this.#chosen?.way === "float") return undefined;
    if (!this.#measured) return this.#levels;
    const { float, integer, coding } = this.#measured;
    const width = codedWidth(dim);
    const saved = exemplars.rows * (at(float, dim) - at(integer, width)) - coding * width;
    // Coding the exemplars must pay, too: with what all searches among them would have saved so far.
    const among = exemplars.current?.derived("searches", () => ({ rows: 0, coded: 0 }));
    if (!among) return undefined;
    among.rows += rows;
    if (saved * among.rows < coding * width * (exemplars.rows - among.coded)) return undefined;
    among.coded = exemplars.rows;
    return this.#levels;
  }

  async #measure(): Promise<void> {
    // Where nothing is timed nobody need be waited for; nor, elsewhere, for those that begin meanwhile, without end.
    if (!this.forced) await Promise.all(this.#computing);
    const { Tensor } = await nativeRuntime();
    const levels = await integerLevels((a, b) => integerProducts.all(a, b), Tensor);
    this.#levels = levels;
    if (levels === undefined) {
      this.#chosen = { way: "float", because: "this processor adds up products of 8-bit integers wrongly" };
      return;
    }
    if (this.forced) {
      this.#chosen = { way: this.forced, because: ASKED };
      return;
    }
    const times: Times[] = [];
    for (const length of LENGTHS) times.push(await timesOf(length, levels));
    const line = (way: "float" | "integer"): Cost => {
      const [short, long] = times.map((time) => time[way] * 1e6 / (ROWS * EXEMPLARS));
      const each = Math.max(0, (long - short) / (LENGTHS[1] - LENGTHS[0]));
      return { each, fixed: short - each * LENGTHS[0] };
    };
    const coding = times[1].coding * 1e6 / (ROWS * LENGTHS[1]);
    this.#measured = { float: line("float"), integer: line("integer"), coding };
    const bits = levels === 127 ? 8 : 7;
    const told = times.map(({ float, integer }, i) => `${(float / integer).toFixed(1)} times as fast at ${LENGTHS[i]}`);
    const because = `products of ${bits}-bit integers are ${told.join(" and ")} columns`;
    const isFaster = times.some(({ float, integer }) => integer < float);
    this.#chosen = { way: isFaster ? "integers" : "float", because };
  }
}

/** What is told where all searches were in float, whatever would be faster. */
export function inFloat(chosen: SearchWay | undefined): SearchWay | undefined {
  if (chosen?.way !== "integers") return chosen;
  return { way: "float", because: `no search gained by integers: ${chosen.because}` };
}

function at({ fixed, each }: Cost, length: number): number {
  return fixed + each * length;
}

/** Milliseconds of each way's products, and of coding the rows. */
type Times = Record<"float" | "integer" | "coding", number>;

async function timesOf(length: number, levels: number): Promise<Times> {
  const { Tensor } = await nativeRuntime();
  const [rows, exemplars] = [ROWS, EXEMPLARS].map((count) => {
    const numbers = new Float32Array(count * length);
    for (let i = 0; i < numbers.length; i++) numbers[i] = (i * 7919) % 1009 / 1009 - 0.5;
    return numbers;
  });
  const coder = new RowCoder(length);
  const codes = coder.queries(rows)!.codes;
  const columns = new Int8Array(length * EXEMPLARS);
  for (let i = 0; i < columns.length; i++) columns[i] = (i * 7919) % (2 * levels + 1) - levels;
  const tile = { first: 0, size: EXEMPLARS, scale: 1, norm: 1, error: 0 };
  const floats = [
    new Tensor("float32", rows, [ROWS, length]),
    new Tensor("float32", exemplars, [EXEMPLARS, length]),
  ] as const;
  const integers = [
    new Tensor("uint8", codes, [ROWS, length]),
    new Tensor("int8", columns, [length, EXEMPLARS]),
  ] as const;
  const times = { float: Infinity, integer: Infinity, coding: Infinity };
  const time = async (what: keyof Times, work: () => unknown) => {
    const start = performance.now();
    await work();
    times[what] = Math.min(times[what], performance.now() - start);
  };
  for (let run = 0; run <= TIMES; run++) {
    await time("float", () => floatProducts.tops(2, tile, ...floats));
    await time("integer", () => integerProducts.tops(8, tile, ...integers));
    await time("coding", () => coder.queries(rows));
  }
  return times;
}
