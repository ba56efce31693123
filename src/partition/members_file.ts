/** The sampled members of a dictionary in a file of their own beside it, which is read only when they are asked for. */
import {
  arrowTable,
  columnOf,
  fixedSizeListColumn,
  halfListsOf,
  listColumn,
  listsOf,
  metadataOf,
  readArrow,
  writeArrow,
} from "../files/arrow.ts";
import { checksumOf } from "../files/checksum.ts";
import { removeIfThere } from "../files/remove.ts";
import { offsetsOf } from "./context_column.ts";
import { Members } from "./members.ts";

const FORMAT = "exemplar members 2";

/**
 * Where the sampled members of a dictionary's file are.
 *
 * @param path The dictionary's file.
 *
 * @example
 * ```ts
 * const path = membersPath("results/L3-p10.arrow");
 * if (path !== "results/L3-p10.members.arrow") throw new Error(path);
 * ```
 */
export function membersPath(path: string): string {
  return `${path.replace(/\.arrow$/, "")}.members.arrow`;
}

/**
 * Writes the members as an Arrow file, a row a region: `members`, a list of unit vectors of 16-bit floats. Its metadata
 * name the exemplars that they belong to by their checksum.
 *
 * @returns What tells the file from all others, for the dictionary.
 */
export async function saveMembers(
  path: string,
  members: Members,
  exemplars: Float32Array<ArrayBuffer>,
): Promise<string> {
  const { dim, most } = members;
  const { values, sizes } = members.all(exemplars.length / dim);
  const table = arrowTable({ members: listColumn(offsetsOf(sizes), fixedSizeListColumn(values, dim)) }, {
    metadata: { format: FORMAT, most: String(most), exemplars: checksumOfFloats(exemplars) },
    fieldMetadata: { members: { description: "directions of members of the region, a uniform sample" } },
  });
  return await writeArrow(membersPath(path), table);
}

/**
 * Reads the members of a dictionary.
 *
 * @param exemplars The dictionary's.
 * @throws {Error} A sentence if there are none, or those of another dictionary.
 */
export async function loadMembers(
  path: string,
  exemplars: Float32Array<ArrayBuffer>,
  { size, dim, seed, most, identity }: Pick<Members, "dim" | "seed" | "most"> & { size: number; identity?: string },
): Promise<Members> {
  if (!(most > 0)) {
    throw new Error(
      `Expected ${path} to be a dictionary with sampled members but it was grown without any: grow it with members, or ` +
        "re-anchor it by a pass over its stream, which needs none",
    );
  }
  const file = membersPath(path);
  const table = await readArrow(file, { identity });
  const metadata = metadataOf(table);
  if (metadata.format !== FORMAT || metadata.exemplars !== checksumOfFloats(exemplars) || table.numRows !== size) {
    throw new Error(`Expected ${file} to hold the members of ${path} but it holds others: copy both files together`);
  }
  const { offsets, child } = listsOf(columnOf(table, "members"));
  const { values, dim: found } = halfListsOf(child);
  if (found !== dim && size > 0) throw new Error(`Expected members of length ${dim} in ${file} but found ${found}`);
  const sizes = Array.from({ length: size }, (_, region) => offsets[region + 1] - offsets[region]);
  return Members.of(values, sizes, { dim, seed, most });
}

/** Removes what an earlier dictionary of the same name left. */
export function removeMembers(path: string): Promise<void> {
  return removeIfThere(membersPath(path));
}

function checksumOfFloats({ buffer, byteOffset, byteLength }: Float32Array<ArrayBuffer>): string {
  return checksumOf(new Uint8Array(buffer, byteOffset, byteLength));
}
