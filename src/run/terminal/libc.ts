const NAMES: Partial<Record<typeof Deno.build.os, string>> = { linux: "libc.so.6", darwin: "libSystem.B.dylib" };

/** Functions of the C library; nothing where they cannot be had: no --allow-ffi, Windows, another library. */
export function libc<const S extends Deno.ForeignLibraryInterface>(symbols: S): Deno.DynamicLibrary<S> | undefined {
  const name = NAMES[Deno.build.os];
  if (name === undefined) return undefined;
  try {
    return Deno.dlopen(name, symbols);
  } catch {
    return undefined;
  }
}
