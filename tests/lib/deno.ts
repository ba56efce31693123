/** Deno as a process of its own, for tests of whole programs. */
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** What a process left. */
export interface Output {
  readonly code: number;
  readonly success: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * A command that is started in the project's folder, with the project's configuration and lock file: it needs the
 * packages that the tests have, and no others. It is quiet, so that stderr is what the program writes there: on an empty
 * package cache Deno itself would tell there what it downloads.
 *
 * @param subcommand What comes after `deno`.
 */
export function denoCommand(
  subcommand: "cache" | "eval" | "info" | "run" | "task",
  args: readonly string[],
  options: Omit<Deno.CommandOptions, "args"> = {},
): Deno.Command {
  const ours = ["--quiet", "--config", `${ROOT}deno.json`];
  return new Deno.Command(Deno.execPath(), { cwd: ROOT, ...options, args: [subcommand, ...ours, ...args] });
}

/** Runs such a {@linkcode denoCommand} to its end. */
export async function deno(...command: Parameters<typeof denoCommand>): Promise<Output> {
  return textOf(await denoCommand(...command).output());
}

/** What a process wrote, as text. */
export function textOf({ code, success, stdout, stderr }: Deno.CommandOutput): Output {
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, success, stdout: out, stderr: error };
}
