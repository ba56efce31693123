/** The text of `--help`, from the declarations of the flags. */
import { type Flag, flagName, type Flags, lengthText } from "./flags.ts";

/** What an experiment says about itself. */
export interface About {
  /** Its name, which is that of its script. */
  readonly name: string;
  /** What it asks. */
  readonly question: string;
  /** What it does, and what it writes. */
  readonly description: string;
  /** Command lines without the script's name, each with what it does. */
  readonly examples?: readonly (readonly [args: string, what: string])[];
}

/** How a text of help is laid out. */
export interface HelpOptions {
  /** How the script is named on the command line; default `experiments/<name>.ts`. */
  readonly script?: string;
  /** Columns of the terminal; default 100. */
  readonly width?: number;
}

/** Usage, every flag with its default, examples. */
export function helpText(about: About, flags: Flags, { script, width = 100 }: HelpOptions = {}): string {
  const run = `deno task run ${script ?? `experiments/${about.name}.ts`}`;
  const rows = Object.entries(flags).map(([key, flag]) => [`  ${flagName(key)}${placeholder(flag)}`, flag] as const);
  const column = Math.max(...rows.map(([left]) => left.length)) + 2;
  const lines = rows.map(([left, flag]) => {
    const text = flag.help + choicesText(flag) + factsText(flag);
    return left.padEnd(column) + wrap(text, width - column).join(`\n${" ".repeat(column)}`);
  });
  const examples = about.examples?.flatMap(([args, what]) => [`  # ${what}`, `  ${run} ${args}`.trimEnd()]) ?? [];
  return [
    ...wrap(about.question, width),
    "",
    ...wrap(about.description, width),
    "",
    `Usage: ${run} [flags]`,
    "",
    "Flags:",
    ...lines,
    ...(examples.length ? ["", "Examples:", ...examples] : []),
    "",
  ].join("\n");
}

const PLACEHOLDERS: Readonly<Record<Flag["type"], string>> = {
  string: " <text>",
  number: " <number>",
  integer: " <number>",
  numbers: " <list>",
  integers: " <list>",
  layers: " <list>",
  boolean: "",
};

/** The most letters of choices that stand beside a flag; longer lists stand in its explanation. */
const LONGEST_CHOICES = 20;

const choicesOf = (flag: Flag) => flag.choices?.join("|") ?? "";
const areShort = (flag: Flag) => choicesOf(flag) !== "" && choicesOf(flag).length <= LONGEST_CHOICES;

function placeholder(flag: Flag): string {
  if (areShort(flag)) return ` <${choicesOf(flag)}>`;
  return flag.maxLength === 1 ? PLACEHOLDERS.number : PLACEHOLDERS[flag.type];
}

function choicesText(flag: Flag): string {
  return flag.choices && !areShort(flag) ? `: ${flag.choices.join(", ")}` : "";
}

/** A flag's limits and its default: ` (at least 2; default 4)`. */
function factsText(flag: Flag): string {
  const facts = [rangeText(flag), ...lengthOf(flag), defaultText(flag)].filter((fact) => fact !== "");
  return facts.length > 0 ? ` (${facts.join("; ")})` : "";
}

function rangeText({ min, max }: Flag): string {
  if (min !== undefined && max !== undefined) return `${min} to ${max}`;
  if (min !== undefined) return `at least ${min}`;
  return max !== undefined ? `at most ${max}` : "";
}

const lengthOf = (flag: Flag) => flag.minLength === undefined && flag.maxLength === undefined ? [] : [lengthText(flag)];

function defaultText(flag: Flag): string {
  if (flag.default === undefined || flag.default === false) return "";
  return `default ${Array.isArray(flag.default) ? flag.default.join(",") : flag.default}`;
}

/** Breaks a text into lines of at most `width` letters, at spaces. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.trim().split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
