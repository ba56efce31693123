import { type CpuMatrix, ROWS_A_TILE } from "../cpu_matrix.ts";
import { type CodedTile, PackedTiles, type PackedUse } from "./packed_tiles.ts";
import type { RowCoder } from "./row_coder.ts";

/** Columns by which a tile grows: a few zeros more cost less than laying all columns out anew. */
const COLUMN_STEP = 64;

interface OwnTile extends CodedTile {
  size: number;
  scale: number;
  norm: number;
  error: number;
  codes: Int8Array<ArrayBuffer>;
  columns: number;
  /** The scale of its codes, before the share of the rotation. */
  codeScale: number;
  /** How often rows of the tile had been overwritten. */
  revision: number;
}

/** When full tiles are packed. */
export interface Packing {
  /** Rows that are searched with them before: packing takes as long as it saves with some thousand. */
  readonly rows: number;
  /** Bytes of codes at most: they are copied a few times. */
  readonly bytes: number;
}

/** The codes of a matrix of exemplars, which follow when it grows or rows of it are overwritten. */
export class ExemplarCodes implements Disposable {
  readonly #tiles: OwnTile[] = [];
  #packed?: PackedTiles;
  #isPacking = false;
  /** Rows that were searched since so many tiles are full, and none of those that were packed has changed. */
  #searched = { full: 0, rows: 0 };
  #isDisposed = false;

  /** @param levels Largest code. */
  constructor(readonly coder: RowCoder, readonly levels: number) {}

  /** Gives back what was packed. */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#keep(undefined);
  }

  /**
   * The first tiles as constants of a session, as many as are packed; now those that are full, if they were searched often.
   *
   * @param tiles Those of the matrix as it is.
   * @param rows Rows that are searched.
   * @param width How many of the largest products a tile tells of every row.
   * @returns What is packed, for the caller to dispose.
   */
  async packed(
    tiles: readonly CodedTile[],
    rows: number,
    width: number,
    packing: Packing,
  ): Promise<PackedUse | undefined> {
    const { length: full } = tiles.filter(({ size }) => size === ROWS_A_TILE);
    if (this.#packed && !this.#packed.isStartOf(tiles)) {
      this.#keep(undefined);
      this.#searched = { full, rows: 0 };
    }
    const searched = this.#searched.full === full ? this.#searched.rows : 0;
    this.#searched = { full, rows: searched + rows };
    const bytes = full * ROWS_A_TILE * this.coder.width;
    const isDue = full > (this.#packed?.count ?? 0) && searched + rows >= packing.rows && bytes <= packing.bytes;
    if (!isDue || this.#isPacking) return this.#packed?.use();
    this.#isPacking = true;
    try {
      const packed = await PackedTiles.of(tiles.slice(0, full), width);
      // Meanwhile rows may have been overwritten, and the matrix given back.
      if (this.#isDisposed || !packed.isStartOf(this.#tiles)) packed.drop();
      else this.#keep(packed);
    } finally {
      this.#isPacking = false;
    }
    return this.#packed?.isStartOf(tiles) ? this.#packed.use() : undefined;
  }

  #keep(packed: PackedTiles | undefined): void {
    this.#packed?.drop();
    this.#packed = packed;
  }

  /**
   * The tiles of a matrix as it is now. Only what is new is coded.
   *
   * @returns `undefined` if a row is not of finite numbers of ordinary size.
   */
  follow(matrix: CpuMatrix): readonly CodedTile[] | undefined {
    for (let first = 0; first < matrix.rows; first += ROWS_A_TILE) {
      const at = first / ROWS_A_TILE;
      const size = Math.min(ROWS_A_TILE, matrix.rows - first);
      const revision = matrix.revisionOf(at);
      const known = this.#tiles[at];
      if (known?.size === size && known.revision === revision) continue;
      const isGrown = known !== undefined && known.revision === revision;
      const isCoded = isGrown ? this.#grow(known, matrix, size) : this.#lay(at, matrix, size, revision);
      if (!isCoded) return undefined;
    }
    return this.#tiles;
  }

  /** Codes a tile from its first row on. */
  #lay(at: number, matrix: CpuMatrix, size: number, revision: number): boolean {
    const first = at * ROWS_A_TILE;
    delete this.#tiles[at];
    const scale = this.coder.scaleOf(matrix.view(first, first + size), this.levels);
    if (scale === undefined) return false;
    const columns = Math.ceil(size / COLUMN_STEP) * COLUMN_STEP;
    const codes = new Int8Array(this.coder.width * columns);
    const tile = { first, size: 0, scale: 0, norm: 0, error: 0, codes, columns, codeScale: scale, revision };
    if (!this.#add(tile, matrix, size)) return false;
    this.#tiles[at] = tile;
    return true;
  }

  /** Codes the rows that were appended to a tile; all of them, if one has a larger number than those before. */
  #grow(tile: OwnTile, matrix: CpuMatrix, size: number): boolean {
    if (size > tile.columns) {
      const columns = Math.ceil(size / COLUMN_STEP) * COLUMN_STEP;
      const codes = new Int8Array(this.coder.width * columns);
      for (let j = 0; j < this.coder.width; j++) {
        codes.set(tile.codes.subarray(j * tile.columns, j * tile.columns + tile.size), j * columns);
      }
      [tile.codes, tile.columns] = [codes, columns];
    }
    return this.#add(tile, matrix, size) || this.#lay(tile.first / ROWS_A_TILE, matrix, size, tile.revision);
  }

  /** Codes the tile's rows from its size on; not all, if one does not fit its scale. */
  #add(tile: OwnTile, matrix: CpuMatrix, size: number): boolean {
    const rows = matrix.view(tile.first + tile.size, tile.first + size);
    const sizes = this.coder.exemplars(rows, tile.codeScale, this.levels, tile, tile.size);
    if (!sizes) return false;
    tile.scale = sizes.scales[0];
    for (const norm of sizes.norms) tile.norm = Math.max(tile.norm, norm);
    for (const error of sizes.errors) tile.error = Math.max(tile.error, error);
    tile.size = size;
    return true;
  }
}
