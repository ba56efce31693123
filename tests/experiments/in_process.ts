/**
 * Experiments in this process, one after the other: a run of a few texts takes a fraction of the time that a process
 * takes to start. Pictures and pages are not drawn.
 */
import { checksumOf, readArrow } from "../../src/files/mod.ts";

import { Results } from "../../src/run/mod.ts";
import type { Table } from "../../src/files/arrow.ts";

const SCRIPTS = new URL("../../experiments/", import.meta.url);

/** What a script printed, and how it ended. */
export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Thrown in the place of `Deno.exit`: a process ends there, a script that goes on would run twice. */
class Exit extends Error {
  constructor(readonly code: number) {
    super(`exit code ${code}`);
  }
}

/** In the place of the thread that answers signals, which a test leaves alone. */
class NobodyWatches {
  onmessage?: () => void;
  postMessage() {
    this.onmessage?.();
  }
  terminate() {}
}

let runs = 0;

/** Runs a script as if it were the process, nothing on its standard input. */
export async function runScript(name: string, args: readonly string[]): Promise<Ended> {
  const [out, err]: string[][] = [[], []];
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  using _ = replaced(Deno, {
    args,
    exit: (code: number) => {
      throw new Exit(code);
    },
  });
  using __ = replaced(Deno.stdin, { readable: new Blob([]).stream() });
  using ___ = replaced(Deno.stdout, { write: (bytes: Uint8Array) => (out.push(decode(bytes)), bytes.length) });
  using ____ = replaced(Deno.stderr, {
    write: (bytes: Uint8Array) => (err.push(decode(bytes)), Promise.resolve(bytes.length)),
    writeSync: (bytes: Uint8Array) => (err.push(decode(bytes)), bytes.length),
  });
  // The frame makes what is printed visible, once a process.
  using _____ = replaced(console, { log: (text: string) => out.push(text), error: (text: string) => err.push(text) });
  using ______ = replaced(globalThis, { addEventListener: () => {}, Worker: NobodyWatches });
  using _______ = replaced(Results.prototype, {
    chart: () => Promise.resolve({ chart: { spec: {}, svg: "", png: new Uint8Array() }, caption: "" }),
    report: () => Promise.resolve("report.html"),
  });
  // Native threads do not keep the event loop alive while a module waits for them.
  const alive = setInterval(() => {}, 20);
  try {
    // A module is run once for each name.
    await import(new URL(`${name}.ts?${++runs}`, SCRIPTS).href);
  } catch (error) {
    if (!(error instanceof Exit)) throw error;
    return { code: error.code, out: out.join("\n"), err: err.join("\n") };
  } finally {
    clearInterval(alive);
  }
  return { code: 0, out: out.join("\n"), err: err.join("\n") };
}

/** Puts other properties in the place of an object's, until it is disposed. */
function replaced(object: object, properties: Readonly<Record<string, unknown>>): Disposable {
  const before = Object.keys(properties).map((name) => [name, Object.getOwnPropertyDescriptor(object, name)] as const);
  for (const [name, value] of Object.entries(properties)) {
    Object.defineProperty(object, name, { value, configurable: true, writable: true });
  }
  return {
    [Symbol.dispose]() {
      for (const [name, descriptor] of before) {
        if (descriptor) Object.defineProperty(object, name, descriptor);
        else Reflect.deleteProperty(object, name);
      }
    },
  };
}

/**
 * What a run found: checksums of its tables' columns, dictionaries among them, and of other files, and its findings. How
 * it was asked for, how long it took and how much memory are left out.
 */
export async function resultsOf(folder: string): Promise<Readonly<Record<string, string>>> {
  const record = JSON.parse(await Deno.readTextFile(`${folder}/run.json`));
  const results: Record<string, string> = {};
  for (const file of record.outputs as string[]) {
    if (/memory\.arrow|run\.json|report\.html|\.calibration\.json|\.parquet/.test(file)) continue;
    if (file.endsWith(".arrow")) Object.assign(results, columnsOf(file, await readArrow(`${folder}/${file}`)));
    else results[file] = checksumOf(await Deno.readFile(`${folder}/${file}`));
  }
  for (const [name, finding] of Object.entries(record.findings)) {
    if (!/seconds|memory/.test(name)) results[`finding ${name}`] = JSON.stringify(finding);
  }
  return results;
}

function columnsOf(file: string, table: Table): Record<string, string> {
  return Object.fromEntries(table.schema.fields.map(({ name }) => {
    const column = table.getChild(name)!;
    const values = Array.from({ length: table.numRows }, (_, row) => column.get(row));
    return [`${file} ${name}`, checksumOf(JSON.stringify(values, plain))];
  }));
}

function plain(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return `${value}`;
  if (ArrayBuffer.isView(value)) return Array.from(value as Float64Array);
  return value;
}
