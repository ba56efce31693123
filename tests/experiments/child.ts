/** Experiments as processes of their own, as people start them. */
import type { RunRecord } from "../../src/report/mod.ts";
import { denoCommand, type Output, textOf } from "../lib/deno.ts";

const PERMISSIONS = ["read", "write", "env", "sys", "ffi"].map((permission) => `--allow-${permission}`);

/** What a process left. */
export interface Ended extends Omit<Output, "success"> {
  /** Its folder of results; {@linkcode withExperiment} removes it. */
  readonly out: string;
  /** `run.json`, after a run that was not cut short. */
  readonly record: RunRecord;
}

/** A command that starts `experiments/<name>.ts` with the permissions that it needs. */
export function experimentCommand(name: string, args: readonly string[], options: Deno.CommandOptions): Deno.Command {
  return denoCommand("run", [...PERMISSIONS, `experiments/${name}.ts`, ...args], options);
}

/** Such a command for a test that kills it: it stops once it has given a file the name that ends so. */
export function stoppingCommand(
  file: string,
  name: string,
  args: readonly string[],
  options: Deno.CommandOptions,
): Deno.Command {
  const preload = ["--allow-all", "--preload=tests/lib/stop_at.ts"];
  return denoCommand("run", [...preload, `experiments/${name}.ts`, ...args], { ...options, env: { STOP_AT: file } });
}

/**
 * Runs `experiments/<name>.ts` with its own permissions, and hands over what it left.
 *
 * @param args Flags besides `--out` and `--quiet`.
 * @param options `stdin`: what it reads; default nothing.
 */
export async function withExperiment(
  name: string,
  args: readonly string[],
  body: (ended: Ended) => void | Promise<void>,
  options: { stdin?: string } = {},
): Promise<void> {
  const out = await Deno.makeTempDir();
  try {
    const piped = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
    const child = experimentCommand(name, [...args, "--out", out, "--quiet"], piped).spawn();
    const input = child.stdin.getWriter();
    // A process that ends before it has read everything closes the pipe: its exit code says why.
    const written = input.write(new TextEncoder().encode(options.stdin ?? "")).then(() => input.close()).catch(
      () => {},
    );
    const { code, stdout, stderr } = textOf(await child.output());
    await written;
    const record = code === 0 ? JSON.parse(await Deno.readTextFile(`${out}/run.json`)) : undefined;
    await body({ code, stdout, stderr, out, record });
  } finally {
    await Deno.remove(out, { recursive: true });
  }
}

/** The numbers in a finding, however deep. */
export function numbersOf(finding: unknown): number[] {
  if (typeof finding === "number") return [finding];
  return typeof finding === "object" && finding !== null ? Object.values(finding).flatMap(numbersOf) : [];
}
