;; Counts the cosine distances of a tile of similarities below brackets, and collects those inside or counts them by bins.
;;
;; A distance is d = 1 - similarity, in float32, and a whole number of steps of 2^-24: float32 numbers from 1/2 to 1 are
;; so far apart, so similarities from 1/2 on and what is left of 1 are whole steps; larger distances lie on coarser grids.
;; Bins of one step hold equal distances, and their counts give exact ranks. What rounding put outside of [0, 2] counts as
;; 0 or as 2.
;;
;; A bracket holds the distances from `low` to `high`, exclusive. Brackets ascend and do not overlap: a distance below one
;; has no part in those above it. So the last bracket is asked first, of a whole row of the tile; it packs the similarities
;; whose distances lie below it into `sifted`, the bracket before it sifts these in place, and so on. Where percentiles are
;; low, most distances are asked once; a row stays in the first-level cache.
;;
;; Groups of 16 distances are compared at a time, without a branch but for the few groups that hold one inside of the
;; bracket. Lanes that are no distance hold NaN: neither below nor inside.
;;
;; bracket, 32 bytes   0 low f32 (-infinity where 0 is the lowest)   4 high f32 (infinity where 2 is inside)
;;                     8 first i32, step of the first bin   12 shift i32, a bin is 2^shift steps
;;                     16 bins i32, address of their counts, f64   24 below f64, count of the distances below
;;
;; Counts are float64, whole numbers up to 2^53: the host reads them as they are.
(module
  (import "host" "memory" (memory 1))

  ;; Where the next similarity is collected; 0 where bins are counted.
  (global $collected (mut i32) (i32.const 0))

  ;; Below 1024 memory is the kernel's own. From 0: for each set of lanes the bytes that move them to the front, in
  ;; order; what is behind them becomes 0. From 256: 16 lanes, for what is left of a row after whole groups.
  (data (i32.const 0)
    "\80\80\80\80\80\80\80\80\80\80\80\80\80\80\80\80"
    "\00\01\02\03\80\80\80\80\80\80\80\80\80\80\80\80"
    "\04\05\06\07\80\80\80\80\80\80\80\80\80\80\80\80"
    "\00\01\02\03\04\05\06\07\80\80\80\80\80\80\80\80"
    "\08\09\0a\0b\80\80\80\80\80\80\80\80\80\80\80\80"
    "\00\01\02\03\08\09\0a\0b\80\80\80\80\80\80\80\80"
    "\04\05\06\07\08\09\0a\0b\80\80\80\80\80\80\80\80"
    "\00\01\02\03\04\05\06\07\08\09\0a\0b\80\80\80\80"
    "\0c\0d\0e\0f\80\80\80\80\80\80\80\80\80\80\80\80"
    "\00\01\02\03\0c\0d\0e\0f\80\80\80\80\80\80\80\80"
    "\04\05\06\07\0c\0d\0e\0f\80\80\80\80\80\80\80\80"
    "\00\01\02\03\04\05\06\07\0c\0d\0e\0f\80\80\80\80"
    "\08\09\0a\0b\0c\0d\0e\0f\80\80\80\80\80\80\80\80"
    "\00\01\02\03\08\09\0a\0b\0c\0d\0e\0f\80\80\80\80"
    "\04\05\06\07\08\09\0a\0b\0c\0d\0e\0f\80\80\80\80"
    "\00\01\02\03\04\05\06\07\08\09\0a\0b\0c\0d\0e\0f")

  
  ;; Counts the pairs (r, c) of a tile with c > r + diagonal: those above the diagonal of the whole matrix.
  ;;
  ;; similarities  rows x columns f32, a row after the other
  ;; brackets      `count` of them, at least one
  ;; sifted        columns f32 and 64 bytes more, overwritten
  ;; collected     where the similarities inside of brackets are collected, in no order: up to rows x columns f32 and 64
  ;;               bytes more; 0 to count them by bins
  ;;
  ;; Returns where the collected end.
  (func (export "count")
    (param $similarities i32) (param $rows i32) (param $columns i32) (param $diagonal i32)
    (param $brackets i32) (param $count i32) (param $sifted i32) (param $collected i32) (result i32)
    (local $row i32) (local $start i32) (local $length i32) (local $from i32) (local $packed i32) (local $bracket i32)
    (global.set $collected (local.get $collected))
    (block $done
      (loop $rows
        (br_if $done (i32.ge_s (local.get $row) (local.get $rows)))
        ;; The row's first column above the diagonal.
        (local.set $start (i32.add (i32.add (local.get $row) (local.get $diagonal)) (i32.const 1)))
        (local.set $start
          (select (local.get $start) (i32.const 0) (i32.gt_s (local.get $start) (i32.const 0))))
        (local.set $length (i32.sub (local.get $columns) (local.get $start)))
        ;; Neither has a later row any.
        (br_if $done (i32.le_s (local.get $length) (i32.const 0)))
        (local.set $from (i32.add (local.get $similarities) (i32.shl (local.get $start) (i32.const 2))))

        ;; The last bracket: whole groups from the tile, and the rest of the row by way of 16 lanes.
        (local.set $bracket
          (i32.add (local.get $brackets) (i32.shl (i32.sub (local.get $count) (i32.const 1)) (i32.const 5))))
        (local.set $packed
          (call $sift (local.get $from) (i32.shr_u (local.get $length) (i32.const 4))
            (local.get $sifted) (local.get $bracket)))
        (call $fill (i32.const 256))
        (memory.copy
          (i32.const 256)
          (i32.add (local.get $from) (i32.shl (i32.and (local.get $length) (i32.const -16)) (i32.const 2)))
          (i32.shl (i32.and (local.get $length) (i32.const 15)) (i32.const 2)))
        (local.set $packed
          (call $sift (i32.const 256) (i32.const 1) (local.get $packed) (local.get $bracket)))

        ;; The others, as long as anything lies below.
        (loop $brackets
          (local.set $length
            (i32.shr_u (i32.sub (local.get $packed) (local.get $sifted)) (i32.const 2)))
          (f64.store offset=24 (local.get $bracket)
            (f64.add (f64.load offset=24 (local.get $bracket)) (f64.convert_i32_u (local.get $length))))
          (if
            (i32.and
              (i32.ne (local.get $length) (i32.const 0))
              (i32.gt_u (local.get $bracket) (local.get $brackets)))
            (then
              (local.set $bracket (i32.sub (local.get $bracket) (i32.const 32)))
              (call $fill (local.get $packed))
              (local.set $packed
                (call $sift
                  (local.get $sifted)
                  (i32.shr_u (i32.add (local.get $length) (i32.const 15)) (i32.const 4))
                  (local.get $sifted) (local.get $bracket)))
              (br $brackets))))

        (local.set $similarities
          (i32.add (local.get $similarities) (i32.shl (local.get $columns) (i32.const 2))))
        (local.set $row (i32.add (local.get $row) (i32.const 1)))
        (br $rows)))
    (global.get $collected))

  ;; Writes 16 lanes that are no distance.
  (func $fill (param $at i32)
    (v128.store (local.get $at) (v128.const f32x4 nan nan nan nan))
    (v128.store offset=16 (local.get $at) (v128.const f32x4 nan nan nan nan))
    (v128.store offset=32 (local.get $at) (v128.const f32x4 nan nan nan nan))
    (v128.store offset=48 (local.get $at) (v128.const f32x4 nan nan nan nan)))

  ;; Collects or counts the distances of `groups` times 16 similarities that lie inside of the bracket, writes the similarities of those
  ;; below it to `packed`, and returns where these end. `packed` may be `from`: a group is read before it is written over.
  (func $sift (param $from i32) (param $groups i32) (param $packed i32) (param $bracket i32) (result i32)
    (local $low v128) (local $high v128) (local $d v128) (local $lanes i32) (local $end i32) (local $collected i32)
    (local $s0 v128) (local $below0 v128) (local $inside0 v128)
    (local $s1 v128) (local $below1 v128) (local $inside1 v128)
    (local $s2 v128) (local $below2 v128) (local $inside2 v128)
    (local $s3 v128) (local $below3 v128) (local $inside3 v128)
    (local.set $collected (global.get $collected))
    (local.set $low (v128.load32_splat (local.get $bracket)))
    (local.set $high (v128.load32_splat offset=4 (local.get $bracket)))
    (local.set $end (i32.add (local.get $from) (i32.shl (local.get $groups) (i32.const 6))))
    (if (local.get $groups)
      (then
        (loop $groups
          (local.set $s0 (v128.load (local.get $from)))
          (local.set $d (f32x4.sub (v128.const f32x4 1 1 1 1) (local.get $s0)))
          (local.set $below0 (f32x4.lt (local.get $d) (local.get $low)))
          (local.set $inside0 (v128.andnot (f32x4.lt (local.get $d) (local.get $high)) (local.get $below0)))
          (local.set $s1 (v128.load offset=16 (local.get $from)))
          (local.set $d (f32x4.sub (v128.const f32x4 1 1 1 1) (local.get $s1)))
          (local.set $below1 (f32x4.lt (local.get $d) (local.get $low)))
          (local.set $inside1 (v128.andnot (f32x4.lt (local.get $d) (local.get $high)) (local.get $below1)))
          (local.set $s2 (v128.load offset=32 (local.get $from)))
          (local.set $d (f32x4.sub (v128.const f32x4 1 1 1 1) (local.get $s2)))
          (local.set $below2 (f32x4.lt (local.get $d) (local.get $low)))
          (local.set $inside2 (v128.andnot (f32x4.lt (local.get $d) (local.get $high)) (local.get $below2)))
          (local.set $s3 (v128.load offset=48 (local.get $from)))
          (local.set $d (f32x4.sub (v128.const f32x4 1 1 1 1) (local.get $s3)))
          (local.set $below3 (f32x4.lt (local.get $d) (local.get $low)))
          (local.set $inside3 (v128.andnot (f32x4.lt (local.get $d) (local.get $high)) (local.get $below3)))
          (if
            (v128.any_true
              (v128.or
                (v128.or (local.get $inside0) (local.get $inside1))
                (v128.or (local.get $inside2) (local.get $inside3))))
            (then
              (if (local.get $collected)
                (then
                  (local.set $lanes (i32x4.bitmask (local.get $inside0)))
                  (v128.store (local.get $collected)
                    (i8x16.swizzle (local.get $s0) (v128.load (i32.shl (local.get $lanes) (i32.const 4)))))
                  (local.set $collected
                    (i32.add (local.get $collected) (i32.shl (i32.popcnt (local.get $lanes)) (i32.const 2))))
                  (local.set $lanes (i32x4.bitmask (local.get $inside1)))
                  (v128.store (local.get $collected)
                    (i8x16.swizzle (local.get $s1) (v128.load (i32.shl (local.get $lanes) (i32.const 4)))))
                  (local.set $collected
                    (i32.add (local.get $collected) (i32.shl (i32.popcnt (local.get $lanes)) (i32.const 2))))
                  (local.set $lanes (i32x4.bitmask (local.get $inside2)))
                  (v128.store (local.get $collected)
                    (i8x16.swizzle (local.get $s2) (v128.load (i32.shl (local.get $lanes) (i32.const 4)))))
                  (local.set $collected
                    (i32.add (local.get $collected) (i32.shl (i32.popcnt (local.get $lanes)) (i32.const 2))))
                  (local.set $lanes (i32x4.bitmask (local.get $inside3)))
                  (v128.store (local.get $collected)
                    (i8x16.swizzle (local.get $s3) (v128.load (i32.shl (local.get $lanes) (i32.const 4)))))
                  (local.set $collected
                    (i32.add (local.get $collected) (i32.shl (i32.popcnt (local.get $lanes)) (i32.const 2)))))
                (else
                  (local.set $lanes
                    (i32.or
                      (i32.or
                        (i32x4.bitmask (local.get $inside0))
                        (i32.shl (i32x4.bitmask (local.get $inside1)) (i32.const 4)))
                      (i32.or
                        (i32.shl (i32x4.bitmask (local.get $inside2)) (i32.const 8))
                        (i32.shl (i32x4.bitmask (local.get $inside3)) (i32.const 12)))))
                  (loop $inside
                    (call $bin
                      (f32.load (i32.add (local.get $from) (i32.shl (i32.ctz (local.get $lanes)) (i32.const 2))))
                      (local.get $bracket))
                    ;; Takes the lowest bit away.
                    (local.set $lanes
                      (i32.and (local.get $lanes) (i32.sub (local.get $lanes) (i32.const 1))))
                    (br_if $inside (local.get $lanes)))))))
          ;; Four lanes are written each time; the next vector writes over those that are too many. Written out four times:
          ;; V8 makes calls of a function for it, which takes a tenth longer.
          (local.set $lanes (i32x4.bitmask (local.get $below0)))
          (v128.store (local.get $packed)
            (i8x16.swizzle (local.get $s0) (v128.load (i32.shl (local.get $lanes) (i32.const 4)))))
          (local.set $packed
            (i32.add (local.get $packed) (i32.shl (i32.popcnt (local.get $lanes)) (i32.const 2))))
          (local.set $lanes (i32x4.bitmask (local.get $below1)))
          (v128.store (local.get $packed)
            (i8x16.swizzle (local.get $s1) (v128.load (i32.shl (local.get $lanes) (i32.const 4)))))
          (local.set $packed
            (i32.add (local.get $packed) (i32.shl (i32.popcnt (local.get $lanes)) (i32.const 2))))
          (local.set $lanes (i32x4.bitmask (local.get $below2)))
          (v128.store (local.get $packed)
            (i8x16.swizzle (local.get $s2) (v128.load (i32.shl (local.get $lanes) (i32.const 4)))))
          (local.set $packed
            (i32.add (local.get $packed) (i32.shl (i32.popcnt (local.get $lanes)) (i32.const 2))))
          (local.set $lanes (i32x4.bitmask (local.get $below3)))
          (v128.store (local.get $packed)
            (i8x16.swizzle (local.get $s3) (v128.load (i32.shl (local.get $lanes) (i32.const 4)))))
          (local.set $packed
            (i32.add (local.get $packed) (i32.shl (i32.popcnt (local.get $lanes)) (i32.const 2))))
          (local.set $from (i32.add (local.get $from) (i32.const 64)))
          (br_if $groups (i32.lt_u (local.get $from) (local.get $end))))))
    (global.set $collected (local.get $collected))
    (local.get $packed))

  ;; Counts a similarity whose distance lies inside of the bracket.
  (func $bin (param $similarity f32) (param $bracket i32)
    (local $step i32) (local $count i32)
    (local.set $step
      (i32.trunc_sat_f32_s
        (f32.mul (f32.sub (f32.const 1) (local.get $similarity)) (f32.const 0x1p24))))
    (local.set $step
      (select (local.get $step) (i32.const 0x2000000) (i32.lt_s (local.get $step) (i32.const 0x2000000))))
    (local.set $step
      (select (local.get $step) (i32.const 0) (i32.gt_s (local.get $step) (i32.const 0))))
    (local.set $count
      (i32.add
        (i32.load offset=16 (local.get $bracket))
        (i32.shl
          (i32.shr_u
            (i32.sub (local.get $step) (i32.load offset=8 (local.get $bracket)))
            (i32.load offset=12 (local.get $bracket)))
          (i32.const 3))))
    (f64.store (local.get $count) (f64.add (f64.load (local.get $count)) (f64.const 1)))))
