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

type Subcommand = "cache" | "eval" | "info" | "run" | "task";

/**
 * A command line of Deno's with the project's configuration and lock file, which it must not change: the program gets the
 * packages that the tests and users have, and no others. It is quiet, so that stderr is what the program writes there: on
 * an empty package cache Deno itself would tell there what it downloads.
 *
 * @param subcommand What comes after `deno`.
 */
export function denoArguments(subcommand: Subcommand, args: readonly string[]): string[] {
  const ours = ["--quiet", "--config", `${ROOT}deno.json`];
  // A task starts a command that has a lock file itself.
  const frozen = subcommand === "task" ? [] : ["--frozen"];
  return [subcommand, ...ours, ...frozen, ...args];
}

/** A command that is started in the project's folder, with {@linkcode denoArguments}. */
export function denoCommand(
  subcommand: Subcommand,
  args: readonly string[],
  options: Omit<Deno.CommandOptions, "args"> = {},
): Deno.Command {
  return new Deno.Command(Deno.execPath(), { cwd: ROOT, ...options, args: denoArguments(subcommand, args) });
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
