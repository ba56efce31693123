/** Full tiles of exemplars as constants of a session: onnxruntime lays them out for its products once, not at each of them. */
import { type InferenceSession, nativeRuntime, SLEEPING, type Tensor } from "../ort.ts";
import { packedSearchGraph } from "./graphs.ts";
import { topsOf } from "./products.ts";
import type { CodeColumns } from "./row_coder.ts";
import type { Tile, Tops } from "./settle.ts";

/** A tile of exemplars in codes. Columns beyond its size are zeros, or exemplars that were appended since. */
export interface CodedTile extends Tile, CodeColumns {}

/** Packed tiles that stay until it is disposed. */
export interface PackedUse extends Disposable {
  /** The largest products of a strip's rows with each of them, the first of `tiles`. */
  tops(tiles: readonly CodedTile[], a: Tensor): Promise<Tops[]>;
}

/** The products of the first tiles of a matrix. They are given back when nobody uses them any more. */
export class PackedTiles {
  readonly #codes: readonly Int8Array[];
  #users = 0;
  #isDropped = false;

  private constructor(
    readonly session: InferenceSession,
    tiles: readonly CodedTile[],
    readonly width: number,
    readonly columns: number,
  ) {
    this.#codes = tiles.map(({ codes }) => codes);
  }

  /**
   * Packs tiles of as many columns each.
   *
   * @param width How many of the largest products each tells of every row.
   */
  static async of(tiles: readonly CodedTile[], width: number): Promise<PackedTiles> {
    const { InferenceSession } = await nativeRuntime();
    const [{ columns }] = tiles;
    const { model, externalData } = packedSearchGraph(tiles.map(({ codes }) => codes), columns, width);
    const options = { ...SLEEPING, externalData, executionProviders: ["cpu"] };
    return new PackedTiles(await InferenceSession.create(model, options), tiles, width, columns);
  }

  /** How many tiles there are. */
  get count(): number {
    return this.#codes.length;
  }

  /** Whether a matrix still begins with them. */
  isStartOf(tiles: readonly CodedTile[]): boolean {
    return this.#codes.every((codes, i) => tiles[i]?.codes === codes);
  }

  /** Lets a search use them, who disposes what it is given. */
  use(): PackedUse {
    this.#users++;
    return {
      tops: (tiles, a) => this.#tops(tiles, a),
      [Symbol.dispose]: () => {
        this.#users--;
        this.#releaseUnused();
      },
    };
  }

  async #tops(tiles: readonly CodedTile[], a: Tensor): Promise<Tops[]> {
    const outputs = await this.session.run({ a });
    const { columns, width } = this;
    return this.#codes.map((_, i) =>
      topsOf({ tile: tiles[i], columns, width }, outputs[`values${i}`], outputs[`places${i}`])
    );
  }

  /** Gives them back when the last user has. */
  drop(): void {
    this.#isDropped = true;
    this.#releaseUnused();
  }

  #releaseUnused(): void {
    if (this.#isDropped && this.#users === 0) void this.session.release();
  }
}
