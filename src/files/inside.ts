/** Whether a path leads from a folder to something below it, by plain names alone: `a/b.json`, but not `../a` or `/a`. */
export function isInside(path: string): boolean {
  return path.split("/").every((part) => part !== "" && part !== "." && part !== "..") && !/[\\\0:]/.test(path);
}
