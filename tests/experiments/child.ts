/** Experiments as processes of their own, as people start them. */
import type { RunRecord } from "../../src/report/mod.ts";

/** What a process left. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Its folder of results; {@linkcode withExperiment} removes it. */
  readonly out: string;
  /** `run.json`, after a run that was not cut short. */
  readonly record: RunRecord;
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
  const root = new URL("../../", import.meta.url);
  const out = await Deno.makeTempDir();
  try {
    const allowed = ["read", "write", "env", "sys", "ffi"].map((permission) => `--allow-${permission}`);
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-lock", ...allowed, `experiments/${name}.ts`, ...args, "--out", out, "--quiet"],
      cwd: root,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const input = child.stdin.getWriter();
    // A process that ends before it has read everything closes the pipe: its exit code says why.
    const written = input.write(new TextEncoder().encode(options.stdin ?? "")).then(() => input.close()).catch(
      () => {},
    );
    const { code, stdout, stderr } = await child.output();
    await written;
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    const record = code === 0 ? JSON.parse(await Deno.readTextFile(`${out}/run.json`)) : undefined;
    await body({ code, stdout: text(stdout), stderr: text(stderr), out, record });
  } finally {
    await Deno.remove(out, { recursive: true });
  }
}

/** The numbers in a finding, however deep. */
export function numbersOf(finding: unknown): number[] {
  if (typeof finding === "number") return [finding];
  return typeof finding === "object" && finding !== null ? Object.values(finding).flatMap(numbersOf) : [];
}
