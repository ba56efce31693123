/** Whether there is a file or folder at `path`; an error if that may not be looked at. */
export async function exists(path: string): Promise<boolean> {
  return await infoOf(path) !== undefined;
}

/** Whether there is a file at `path`; an error if that may not be looked at. */
export async function isFile(path: string): Promise<boolean> {
  return (await infoOf(path))?.isFile ?? false;
}

/** Whether there is a folder at `path`; an error if that may not be looked at. */
export async function isFolder(path: string): Promise<boolean> {
  return (await infoOf(path))?.isDirectory ?? false;
}

async function infoOf(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  }
}
