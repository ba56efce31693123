/**
 * The frame that every experiment runs in: the same flags, progress, files and exit codes.
 *
 * Exit codes: 0 done, 1 failed (one sentence on stderr; the stack too with `EXEMPLAR_DEBUG=1`), 2 a mistake on the
 * command line; interrupted: 130 by Ctrl-C, 143 by SIGTERM, 129 by SIGHUP.
 */
import { assertOptions, type OptionKinds } from "../compute/known_options.ts";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { type Finding, RunManifest } from "../report/manifest.ts";
import { configureUnpacking } from "../files/unpacking.ts";
import { visibleLines } from "../files/visible_text.ts";
import { exists } from "../files/exists.ts";
import { expandPattern } from "../files/glob.ts";
import { configureHub } from "../hub/options.ts";
import { CheckpointMismatchError } from "../partition/checkpoint_settings.ts";
import { inFlags } from "./command/flag_text.ts";
import { fingerprint } from "./folder/fingerprint.ts";
import { flagName, type Flags, type FlagValues, readFlags, resolveLayers, UsageError } from "./command/flags.ts";
import { allFlags, assertHas, type CommonFlags, type LackedFlags, withoutLacked } from "./command/common_flags.ts";
import { type About, helpText } from "./command/help.ts";
import { assertHook } from "./command/hook_text.ts";
import { withEmbedded } from "./command/embedded.ts";
import { fetchNamed, hubOptions } from "./command/hub.ts";
import { type IdleFlags, idleFlags } from "./command/idle_flags.ts";
import { assertStride } from "./command/window_flags.ts";
import { assertNamed, type Named, namedBy } from "./command/named_files.ts";
import { Interruption } from "./terminal/interruption.ts";
import { OutFolder } from "./folder/out_folder.ts";
import { Progress } from "./terminal/progress.ts";
import { Results } from "./folder/results.ts";
import { RowStore } from "./folder/row_store.ts";
import { Stages } from "./folder/stages.ts";
import { writeStderr } from "./terminal/stderr.ts";
import { type Outcome, writeOutcome } from "./outcome.ts";
import { guardTerminal, sentence } from "./terminal/terminal.ts";

/** An experiment's name, question and flags. */
export interface Experiment<F extends Flags> extends About {
  /** Values of the common flags where they differ from the house's. */
  readonly defaults?: Partial<Omit<CommonFlags, "parquet" | "resume" | "quiet" | "offline" | "refresh">>;
  /** Flags of its own, in camel case. */
  readonly flags?: F;
  /** Common flags that would do nothing here, each with what there is instead: nobody can give them. */
  readonly without?: LackedFlags;
  /** Whether it reads one layer only. */
  readonly oneLayer?: boolean;
  /** Flags that do nothing beside others: they are refused together, and not recorded. */
  readonly idle?: readonly IdleFlags[];
  /**
   * Throws a {@linkcode UsageError} if values of flags do not go together, before anything is loaded.
   *
   * @param flags Their values.
   * @param isGiven Whether a flag stands on the command line.
   */
  readonly assertFlags?: (flags: CommonFlags & FlagValues<F>, isGiven: (flag: string) => boolean) => void;
  /** Flags that may have other values when a stopped run goes on, as far as its checkpoints allow. */
  readonly mayChange?: readonly string[];
  /** Whether standard output is for what it writes there itself: what the frame says of the results goes to stderr. */
  readonly ownsStdout?: boolean;
  /** Whether it keeps what it has finished by itself, in a `RowStore`. */
  readonly keepsState?: boolean;
}

const EXPERIMENT: OptionKinds<Experiment<Flags>> = {
  name: "string",
  question: "string",
  description: "string",
  examples: "list",
  defaults: "object",
  flags: "object",
  without: "object",
  oneLayer: "boolean",
  idle: "list",
  assertFlags: "function",
  mayChange: "strings",
  ownsStdout: "boolean",
  keepsState: "boolean",
};

/** What an experiment's body works with. */
export interface Run<F extends Flags> {
  /** Every flag's value; a common one that the experiment lacks throws when it is read. */
  readonly flags: CommonFlags & FlagValues<F>;
  /** Shows how far the run is, on stderr. */
  readonly progress: Progress;
  /** Written to `run.json` when the body is done; set its device and findings. */
  readonly manifest: RunManifest;
  /** Folder of the results; it exists. */
  readonly out: string;
  /** Writes tables, charts and the report there. */
  readonly save: Results;
  /**
   * Aborted by Ctrl-C, SIGTERM or SIGHUP. A body that reads this property promises to stop soon after, its checkpoint
   * written; one that never does is left where it is.
   */
  readonly signal: AbortSignal;
  /** Aborted by them too, for what ends at once where it is, such as a model's work: nobody waits for it. */
  readonly stop: AbortSignal;
  /**
   * Tells a sentence that a reader of the results should know, on stderr unless `--quiet` is given, in `run.json` and in
   * the report; once.
   */
  note(sentence: string): void;
  /** What the run has finished: `--resume` goes on from there. */
  readonly stages: Stages;
  /** What a step of the run gives, as a stopped run kept it, or computed now; see {@link Stages.kept}. */
  kept<T>(name: string, compute: () => T | Promise<T>): Promise<T>;
  /** Whether a flag stands on the command line, be it with its default. */
  isGiven(flag: string): boolean;
  /** Adds something to do when the run is interrupted, before the process ends and once the body has stopped. */
  onInterrupt(hook: () => void | Promise<void>): void;
  /**
   * Adds something to do once everything is written, `run.json` included: to remove what a killed run would go on from.
   */
  onDone(hook: () => void | Promise<void>): void;
  /** Seeds of its repetitions: as many as flag `seeds` says, from `seed` on. */
  readonly seeds: readonly number[];
  /** The layers asked for, checked against those that the model has. */
  layers(count: number): number[];
}

/** What an experiment does; what it found is written for it. */
export type Body<F extends Flags> = (run: Run<F>) => Promise<Outcome | void>;

/** Where an experiment reads its arguments and writes what it says; tests hand in their own. */
export interface Console {
  /** The command line, without the script. */
  readonly args: readonly string[];
  /** Takes a text for stdout, without its line end. */
  readonly print: (text: string) => void;
  /** Takes a text for stderr, without its line end. */
  readonly printError: (text: string) => void;
  /** How `--help` names the script; default `experiments/<name>.ts`. */
  readonly script?: string;
  /** Whether the run is the whole process, which a second Ctrl-C then ends whatever it computes; default false. */
  readonly isProcess?: boolean;
}

/**
 * Runs an experiment as the whole process: reads `Deno.args`, runs the body, writes `run.json`, exits.
 *
 * @param definition Name, question, defaults and flags of its own.
 * @param body What it does.
 *
 * @example A script
 * ```ts
 * if (import.meta.main) {
 *   await experiment({
 *     name: "seeds",
 *     question: "Which seeds are there?",
 *     description: "Names the seeds of a run.",
 *     flags: { seeds: { type: "integer", default: 3, min: 1, help: "repetitions" } },
 *   }, ({ seeds, manifest }) => {
 *     manifest.findings.seeds = [...seeds];
 *     return Promise.resolve();
 *   });
 * }
 * ```
 */
export async function experiment<const F extends Flags>(
  definition: Experiment<F>,
  body: Body<F>,
): Promise<never> {
  const printError = (text: string) => writeStderr(`${visibleLines(text)}\n`);
  guardTerminal(definition.name);
  const script = ownScript();
  const terminal = { args: Deno.args, print: console.log, printError, script, isProcess: true };
  const code = await runExperiment(definition, body, terminal);
  // What could not be printed is a failure of a run that is done, too.
  Deno.exit(code || Deno.exitCode);
}

/** The script that runs, as it is named from the working folder; where it comes from, if that is no file. */
function ownScript(): string {
  const { mainModule } = Deno;
  return mainModule.startsWith("file:") ? relative(Deno.cwd(), fileURLToPath(mainModule)) : mainModule;
}

/**
 * Runs an experiment and gives its exit code: 0 done, 1 failed, 2 a mistake on the command line, 129, 130 or 143
 * interrupted. Failures are told in a sentence by `printError`, not thrown.
 *
 * @param definition Name, question, defaults and flags of its own.
 * @param body What it does.
 *
 * @example
 * ```ts
 * const said: string[] = [];
 * const code = await runExperiment(
 *   { name: "seeds", question: "Which seeds are there?", description: "Names the seeds of a run." },
 *   () => Promise.resolve(),
 *   { args: ["--sede", "3"], print: console.log, printError: (text) => said.push(text) },
 * );
 * if (code !== 2) throw new Error(`${code}`);
 * if (!said[0].startsWith("seeds: There is no flag --sede. Did you mean --seed?")) throw new Error(said[0]);
 * ```
 */
export async function runExperiment<const F extends Flags>(
  definition: Experiment<F>,
  body: Body<F>,
  { args, print, printError, script, isProcess }: Console,
): Promise<number> {
  // As an object: of which flags they are makes no difference here.
  assertOptions("an experiment", definition as object, EXPERIMENT);
  const declared = allFlags(definition);
  if (args.includes("--help") || args.includes("-h")) {
    print(helpText(definition, declared, { script }));
    return 0;
  }
  const fail = (thrown: unknown) => {
    const error = thrown instanceof CheckpointMismatchError ? inFlags(thrown, declared) : thrown;
    printError(`${definition.name}: ${sentence(error)}`);
    return error instanceof UsageError ? 2 : 1;
  };
  const isGiven = (flag: string) => args.some((arg) => arg.split("=")[0] === flagName(flag));
  let flags: CommonFlags & FlagValues<F>;
  let idle: ReadonlySet<string>;
  let named: readonly Named[];
  try {
    assertHas(definition, isGiven);
    const read = readFlags(args, declared) as unknown as CommonFlags & FlagValues<F>;
    const say = (sentence: string) => read.quiet || printError(`${definition.name}: ${sentence}`);
    const placed = await withEmbedded(read, declared, isGiven, { cache: read.cache, say });
    flags = withoutLacked(placed, definition);
    idle = idleFlags(flags, isGiven, definition.idle);
    assertHook(flags.hook, flags.layers);
    assertStride(flags);
    definition.assertFlags?.(flags, isGiven);
    named = namedBy(flags, declared);
    await assertNamed(named);
  } catch (error) {
    return fail(error);
  }

  const recorded = Object.fromEntries(Object.entries(plain(flags)).filter(([key]) => !idle.has(key)));
  const manifest = new RunManifest({ name: definition.name, arguments: args, flags: recorded, seed: flags.seed });
  const note = (said: string) => {
    const note = visibleLines(said);
    if (manifest.notes.includes(note)) return;
    manifest.notes.push(note);
    // It stands in run.json and in the report.
    if (!flags.quiet) printError(`${definition.name}: ${note}`);
  };
  let folder: OutFolder;
  let resume: boolean;
  try {
    const command = [definition.name, ...args].join(" ");
    resume = flags.resume && (definition.keepsState || await Stages.areLeft(flags.out));
    if (flags.resume && !resume) {
      await assertNotEnded(flags.out);
      if (!flags.quiet) printError(`${definition.name}: nothing to go on from in ${flags.out}; starting anew.`);
    }
    const files = await Promise.all(named.flatMap(({ names }) => names.map(expandPattern)));
    const inputs = [...files.flat(), ...textsOf(flags)];
    folder = await OutFolder.open(flags.out, { command, resume, inputs, note });
  } catch (error) {
    return fail(error);
  }
  const interruption = new Interruption(
    (text) => printError(`\n${definition.name}: ${text}`),
    isProcess ? definition.name : undefined,
  );
  let stages: Stages;
  try {
    stages = await Stages.open(flags.out, resume, {
      flags,
      mayChange: definition.mayChange,
      facts: () => factsOf(named, manifest),
      notes: manifest.notes,
      calibrations: manifest.calibrations,
      streams: manifest.streams,
      note,
      signal: interruption.stop,
    });
  } catch (error) {
    interruption.dispose();
    await folder.close(false);
    return fail(error);
  }
  const progress = new Progress({ quiet: flags.quiet, onStage: (name) => interruption.doing(name) });
  manifest.onStep = (name) => progress.step(name);
  const done: (() => void | Promise<void>)[] = [];
  let isDone = false;
  const run: Run<F> = {
    flags,
    progress,
    manifest,
    out: flags.out,
    save: new Results(folder, manifest, flags.hook, flags),
    get signal() {
      return interruption.signal;
    },
    stop: interruption.stop,
    note,
    stages,
    kept: (name, compute) => stages.kept(name, compute),
    isGiven,
    onInterrupt: (hook) => interruption.hooks.push(hook),
    onDone: (hook) => done.push(hook),
    seeds: Array.from({ length: seedCount(flags) }, (_, i) => flags.seed + i),
    layers: (count) => resolveLayers(flags.layers, count),
  };
  const restore = configureHub({ ...hubOptions(flags, progress, manifest), signal: interruption.stop });
  const restoreUnpacking = configureUnpacking(flags.maxUnpacked);
  try {
    await interruption.guard(async () => {
      await fetchNamed(named);
      const outcome = await body(run);
      // Where the task exposes it: charts begin in the memory that the model leaves, not beside it.
      (globalThis as { gc?: () => void }).gc?.();
      const say = definition.ownsStdout ? (text: string) => progress.log(text) : print;
      if (outcome) await manifest.time("report", () => writeOutcome(run, definition.question, outcome, say));
    });
    progress.end();
    await manifest.finish(flags.out);
    isDone = true;
    await stages.remove();
    for (const hook of done) await hook();
    return 0;
  } catch (error) {
    progress.end();
    if (!interruption.isOn) return fail(error);
    if (!interruption.caused(error)) fail(error);
    await interruption.runHooks().catch(fail);
    printError(
      `${definition.name}: ${
        await (definition.keepsState ? RowStore : Stages).haveKept(flags.out)
          ? "what it had finished is kept: go on with the same command and --resume."
          : "interrupted before its first step was finished: there is nothing to go on from."
      }`,
    );
    return interruption.exitCode;
  } finally {
    restore();
    restoreUnpacking();
    interruption.dispose();
    await folder.close(isDone);
  }
}

/** Repetitions of an experiment: those of its flag `seeds`, if it has one. */
function seedCount(flags: Readonly<Record<string, unknown>> | CommonFlags): number {
  return "seeds" in flags && typeof flags.seeds === "number" ? flags.seeds : 1;
}

/** A run that goes on where nothing is left begins anew, and removes what is there: not what a run has finished. */
async function assertNotEnded(out: string): Promise<void> {
  if (!await exists(join(out, "run.json"))) return;
  throw new UsageError(
    `Expected a run in ${out} that was stopped, to go on with, but it came to its end: its results are there. Choose ` +
      "another folder with --out, or start anew without --resume.",
  );
}

/**
 * What decides a run's results besides its flags: device, commits of the hub, and the files that flags name, each after
 * what it is called in {@linkcode Stages}' sentence.
 */
async function factsOf(named: readonly Named[], manifest: RunManifest): Promise<string[]> {
  const files = await Promise.all(named.map(async ({ flag, names }) => {
    const found = (await Promise.all(names.map(fingerprint))).filter((file) => file !== "");
    return found.length > 0 ? [`${flag === "corpus" ? "the corpus" : "the files"} of ${flagName(flag)}: ${found}`] : [];
  }));
  const commits = manifest.hub.map(({ repo, commit }) => `the files of the hub: ${repo}@${commit}`);
  return [`the device: ${manifest.device}`, ...commits.sort(), ...files.flat()];
}

/** What texts of flags may name, with commas between: whatever is there is not removed. */
const textsOf = ({ out: _, cache: __, ...flags }: Pick<CommonFlags, "out" | "cache">): string[] =>
  Object.values(flags).flatMap((text: unknown) => typeof text === "string" ? text.split(",").filter(Boolean) : []);

const plain = (flags: object): Record<string, Finding> =>
  Object.fromEntries(Object.entries(flags).filter(([key, value]) => key !== "help" && value !== undefined));
