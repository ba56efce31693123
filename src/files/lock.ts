/** What came of trying to lock a file. */
export type LockResult = "mine" | "taken" | "impossible";

/**
 * Locks an open file against other processes, and against other handles of this one. The system gives the lock back when
 * the file is closed or its process ends, however it does. It is on the file, not on its name: whoever may replace or
 * remove the file must look, once it has the lock, whether its name is still the file's ({@linkcode isNamed}).
 *
 * @returns Whether this handle has it now, another has it, or the file system has no locks.
 */
export async function tryLock(file: Deno.FsFile): Promise<LockResult> {
  try {
    return await file.tryLock(true) ? "mine" : "taken";
  } catch (error) {
    const { code = "" } = error as { code?: string };
    // Some network file systems.
    if (error instanceof Deno.errors.NotSupported || /ENOSYS|ENOTSUP|ENOLCK|EOPNOTSUPP/.test(code)) return "impossible";
    throw error;
  }
}

/** Whether a path still leads to an open file. */
export async function isNamed(path: string, file: Deno.FsFile): Promise<boolean> {
  const { ino, dev } = await file.stat();
  return await Deno.stat(path).then((named) => named.ino === ino && named.dev === dev, () => false);
}
