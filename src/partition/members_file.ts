/** The sampled members of a dictionary in a file of their own beside it, which is read only when they are asked for. */
import {
  arrowTable,
  columnOf,
  fixedSizeListColumn,
  halfListsOf,
  listColumn,
  listsOf,
  openArrow,
  type Table,
  writeArrow,
} from "../files/arrow.ts";
import { checksumOf } from "../files/checksum.ts";
import { removeIfThere } from "../files/remove.ts";
import { blocksOf } from "./blocks.ts";
import { offsetsOf } from "./context_column.ts";
import { GatheredVectors } from "./gathered_vectors.ts";
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
 * @param blockBytes Bytes of members that are written at once.
 * @returns What tells the file from all others, for the dictionary.
 */
export async function saveMembers(
  path: string,
  members: Members,
  exemplars: Float32Array<ArrayBuffer>,
  blockBytes: number,
): Promise<string> {
  const metadata = { format: FORMAT, most: String(members.most), exemplars: checksumOfFloats(exemplars) };
  return await writeArrow(membersPath(path), tablesOf(members, exemplars.length / members.dim, metadata, blockBytes));
}

/** Tables of the members of consecutive regions. */
async function* tablesOf(
  members: Members,
  size: number,
  metadata: Readonly<Record<string, string>>,
  blockBytes: number,
): AsyncGenerator<Table> {
  const { dim } = members;
  const bytesOf = (region: number) => Math.max(1, members.count(region)) * dim * Float16Array.BYTES_PER_ELEMENT;
  for (const [from, to] of blocksOf(size, bytesOf, blockBytes)) {
    const { values, sizes } = members.between(from, to);
    yield arrowTable({ members: listColumn(offsetsOf(sizes), fixedSizeListColumn(values, dim)) }, {
      metadata,
      fieldMetadata: { members: { description: "directions of members of the region, a uniform sample" } },
    });
  }
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
  const beside = membersPath(path);
  using file = await openArrow(beside, { identity });
  const metadata = Object.fromEntries(file.schema.metadata);
  if (metadata.format !== FORMAT || metadata.exemplars !== checksumOfFloats(exemplars) || file.rows !== size) {
    throw new Error(`Expected ${beside} to hold the members of ${path} but it holds others: copy both files together`);
  }
  const gathered = new GatheredVectors(Float16Array, size * most * dim, file.lengths.length);
  const sizes: number[] = [];
  for await (const batch of file.batches()) {
    const { offsets, child } = listsOf(columnOf(file.table([batch]), "members"));
    const { values, dim: found } = halfListsOf(child);
    if (found !== dim && size > 0) throw new Error(`Expected members of length ${dim} in ${beside} but found ${found}`);
    gathered.add(values);
    for (let row = 0; row < batch.numRows; row++) sizes.push(offsets[row + 1] - offsets[row]);
  }
  return Members.of(gathered.values, sizes, { dim, seed, most });
}

/** Removes what an earlier dictionary of the same name left. */
export function removeMembers(path: string): Promise<void> {
  return removeIfThere(membersPath(path));
}

function checksumOfFloats({ buffer, byteOffset, byteLength }: Float32Array<ArrayBuffer>): string {
  return checksumOf(new Uint8Array(buffer, byteOffset, byteLength));
}
