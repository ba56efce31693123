/**
 * Runs a body while the disk is full for new files.
 *
 * @param isFull Of which paths; default all.
 */
export async function onFullDisk(body: () => Promise<void>, isFull = (_path: string) => true): Promise<void> {
  const restore = fillDisk(isFull);
  try {
    await body();
  } finally {
    restore();
  }
}

/** Lets whatever is written to new files meet a full disk, and gives a function that makes room again. */
export function fillDisk(isFull: (path: string) => boolean): () => void {
  const { open } = Deno;
  Deno.open = async (path, options) => {
    const file = await open(path, options);
    const write = () => Promise.reject(Object.assign(new Error("No space left on device"), { code: "ENOSPC" }));
    return options?.createNew && isFull(String(path)) ? Object.assign(file, { write }) : file;
  };
  return () => void (Deno.open = open);
}
