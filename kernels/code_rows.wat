;; Rows of float32 numbers turned into 8-bit codes, for a search that compares integers first: see src/compute/search.
;;
;; Rows lie one after another in memory, `width` numbers each, a multiple of 64; `block` is a power of two from 64 to 256
;; that divides it. Four numbers are worked on at once.
(module
  (import "host" "memory" (memory 1))

  ;; The largest of a vector's four numbers.
  (func $largest (param $v v128) (result f32)
    (f32.max
      (f32.max (f32x4.extract_lane 0 (local.get $v)) (f32x4.extract_lane 1 (local.get $v)))
      (f32.max (f32x4.extract_lane 2 (local.get $v)) (f32x4.extract_lane 3 (local.get $v)))))

  ;; The sum of a vector's four numbers.
  (func $sum (param $v v128) (result f32)
    (f32.add
      (f32.add (f32x4.extract_lane 0 (local.get $v)) (f32x4.extract_lane 1 (local.get $v)))
      (f32.add (f32x4.extract_lane 2 (local.get $v)) (f32x4.extract_lane 3 (local.get $v)))))

  ;; Rotates rows in place: multiplies them by `signs` (width numbers, 1 or -1) and every block by a Hadamard matrix of ones,
  ;; so that vectors become sqrt(block) times as long. Writes the largest absolute number of each row to `tops`, and the sum
  ;; of its squares to `squares`.
  (func (export "rotate")
    (param $row i32) (param $rows i32) (param $width i32) (param $block i32) (param $signs i32)
    (param $tops i32) (param $squares i32)
    (local $bytes i32) (local $end i32) (local $at i32) (local $half i32) (local $stop i32)
    (local $second i32) (local $third i32) (local $fourth i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128) (local $top v128) (local $square v128)
    (local.set $bytes (i32.shl (local.get $width) (i32.const 2)))
    (local.set $block (i32.shl (local.get $block) (i32.const 2)))
    (block $done (loop $each_row
      (br_if $done (i32.eqz (local.get $rows)))
      (local.set $end (i32.add (local.get $row) (local.get $bytes)))

      ;; Signs, then sums and differences of a vector's neighbours, and of its halves.
      (local.set $at (local.get $row))
      (loop $each_vector
        (local.set $a
          (f32x4.mul
            (v128.load (local.get $at))
            (v128.load (i32.add (local.get $signs) (i32.sub (local.get $at) (local.get $row))))))
        (local.set $a
          (f32x4.add
            (i8x16.shuffle 0 1 2 3 0 1 2 3 8 9 10 11 8 9 10 11 (local.get $a) (local.get $a))
            (f32x4.mul
              (i8x16.shuffle 4 5 6 7 4 5 6 7 12 13 14 15 12 13 14 15 (local.get $a) (local.get $a))
              (v128.const f32x4 1 -1 1 -1))))
        (v128.store (local.get $at)
          (f32x4.add
            (i8x16.shuffle 0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7 (local.get $a) (local.get $a))
            (f32x4.mul
              (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 (local.get $a) (local.get $a))
              (v128.const f32x4 1 1 -1 -1))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br_if $each_vector (i32.lt_u (local.get $at) (local.get $end))))

      ;; The same between vectors that lie `half` bytes apart, up to half a block: two stages at a time, among four vectors.
      (local.set $half (i32.const 16))
      (loop $each_two_stages
        (local.set $at (local.get $row))
        (loop $each_four_runs
          (local.set $stop (i32.add (local.get $at) (local.get $half)))
          (local.set $second (i32.add (local.get $at) (local.get $half)))
          (local.set $third (i32.add (local.get $second) (local.get $half)))
          (local.set $fourth (i32.add (local.get $third) (local.get $half)))
          (loop $each_four
            (local.set $a (f32x4.add (v128.load (local.get $at)) (v128.load (local.get $second))))
            (local.set $b (f32x4.sub (v128.load (local.get $at)) (v128.load (local.get $second))))
            (local.set $c (f32x4.add (v128.load (local.get $third)) (v128.load (local.get $fourth))))
            (local.set $d (f32x4.sub (v128.load (local.get $third)) (v128.load (local.get $fourth))))
            (v128.store (local.get $at) (f32x4.add (local.get $a) (local.get $c)))
            (v128.store (local.get $second) (f32x4.add (local.get $b) (local.get $d)))
            (v128.store (local.get $third) (f32x4.sub (local.get $a) (local.get $c)))
            (v128.store (local.get $fourth) (f32x4.sub (local.get $b) (local.get $d)))
            (local.set $at (i32.add (local.get $at) (i32.const 16)))
            (local.set $second (i32.add (local.get $second) (i32.const 16)))
            (local.set $third (i32.add (local.get $third) (i32.const 16)))
            (local.set $fourth (i32.add (local.get $fourth) (i32.const 16)))
            (br_if $each_four (i32.lt_u (local.get $at) (local.get $stop))))
          (local.set $at (local.get $fourth))
          (br_if $each_four_runs (i32.lt_u (local.get $at) (local.get $end))))
        (local.set $half (i32.shl (local.get $half) (i32.const 2)))
        (br_if $each_two_stages (i32.le_u (i32.shl (local.get $half) (i32.const 2)) (local.get $block))))

      ;; A last stage where their number is odd.
      (if (i32.lt_u (local.get $half) (local.get $block))
        (then
          (local.set $at (local.get $row))
          (loop $each_two_runs
            (local.set $stop (i32.add (local.get $at) (local.get $half)))
            (loop $each_two
              (local.set $a (v128.load (local.get $at)))
              (local.set $b (v128.load (i32.add (local.get $at) (local.get $half))))
              (v128.store (local.get $at) (f32x4.add (local.get $a) (local.get $b)))
              (v128.store (i32.add (local.get $at) (local.get $half)) (f32x4.sub (local.get $a) (local.get $b)))
              (local.set $at (i32.add (local.get $at) (i32.const 16)))
              (br_if $each_two (i32.lt_u (local.get $at) (local.get $stop))))
            (local.set $at (i32.add (local.get $at) (local.get $half)))
            (br_if $each_two_runs (i32.lt_u (local.get $at) (local.get $end))))))

      (local.set $at (local.get $row))
      (local.set $top (v128.const f32x4 0 0 0 0))
      (local.set $square (v128.const f32x4 0 0 0 0))
      ;; pmax is one instruction, where max is several; it passes over what is not a number, which the squares tell.
      (loop $each_sixteen
        (local.set $a (v128.load (local.get $at)))
        (local.set $b (v128.load offset=16 (local.get $at)))
        (local.set $c (v128.load offset=32 (local.get $at)))
        (local.set $d (v128.load offset=48 (local.get $at)))
        (local.set $top
          (f32x4.pmax
            (local.get $top)
            (f32x4.pmax
              (f32x4.pmax (f32x4.abs (local.get $a)) (f32x4.abs (local.get $b)))
              (f32x4.pmax (f32x4.abs (local.get $c)) (f32x4.abs (local.get $d))))))
        (local.set $square
          (f32x4.add
            (local.get $square)
            (f32x4.add
              (f32x4.add
                (f32x4.mul (local.get $a) (local.get $a))
                (f32x4.mul (local.get $b) (local.get $b)))
              (f32x4.add
                (f32x4.mul (local.get $c) (local.get $c))
                (f32x4.mul (local.get $d) (local.get $d))))))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br_if $each_sixteen (i32.lt_u (local.get $at) (local.get $end))))
      (f32.store (local.get $tops) (call $largest (local.get $top)))
      (f32.store (local.get $squares) (call $sum (local.get $square)))

      (local.set $tops (i32.add (local.get $tops) (i32.const 4)))
      (local.set $squares (i32.add (local.get $squares) (i32.const 4)))
      (local.set $row (local.get $end))
      (local.set $rows (i32.sub (local.get $rows) (i32.const 1)))
      (br $each_row))))

  ;; One vector in units of the row's scale, rounded to the nearest whole number, to even on ties.
  (func $rounded (param $at i32) (param $inverse v128) (result v128)
    (f32x4.nearest (f32x4.mul (v128.load (local.get $at)) (local.get $inverse))))

  ;; The squares of what rounding takes away from one vector.
  (func $lost (param $at i32) (param $rounded v128) (param $scale v128) (result v128)
    (local $difference v128)
    (local.set $difference
      (f32x4.sub (v128.load (local.get $at)) (f32x4.mul (local.get $rounded) (local.get $scale))))
    (f32x4.mul (local.get $difference) (local.get $difference)))

  ;; Rounds rows to `codes`, a byte a number: number / scale + 128 if `flip` is -128 in every byte, number / scale, signed, if
  ;; it is 0. `scales` holds a scale a row, none so small that a code would leave -127..127. Writes the sum of squares of what
  ;; rounding took away to `losses`.
  (func (export "quantise")
    (param $row i32) (param $rows i32) (param $width i32) (param $scales i32) (param $flip i32)
    (param $codes i32) (param $losses i32)
    (local $end i32) (local $scale v128) (local $inverse v128) (local $loss v128) (local $flips v128)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local.set $flips (i8x16.splat (local.get $flip)))
    (block $done (loop $each_row
      (br_if $done (i32.eqz (local.get $rows)))
      (local.set $end (i32.add (local.get $row) (i32.shl (local.get $width) (i32.const 2))))
      (local.set $scale (v128.load32_splat (local.get $scales)))
      (local.set $inverse (f32x4.div (v128.const f32x4 1 1 1 1) (local.get $scale)))
      (local.set $loss (v128.const f32x4 0 0 0 0))
      (loop $each_sixteen
        (local.set $a (call $rounded (local.get $row) (local.get $inverse)))
        (local.set $b (call $rounded (i32.add (local.get $row) (i32.const 16)) (local.get $inverse)))
        (local.set $c (call $rounded (i32.add (local.get $row) (i32.const 32)) (local.get $inverse)))
        (local.set $d (call $rounded (i32.add (local.get $row) (i32.const 48)) (local.get $inverse)))
        (local.set $loss
          (f32x4.add
            (local.get $loss)
            (f32x4.add
              (f32x4.add
                (call $lost (local.get $row) (local.get $a) (local.get $scale))
                (call $lost (i32.add (local.get $row) (i32.const 16)) (local.get $b) (local.get $scale)))
              (f32x4.add
                (call $lost (i32.add (local.get $row) (i32.const 32)) (local.get $c) (local.get $scale))
                (call $lost (i32.add (local.get $row) (i32.const 48)) (local.get $d) (local.get $scale))))))
        (v128.store (local.get $codes)
          (v128.xor
            (local.get $flips)
            (i8x16.narrow_i16x8_s
              (i16x8.narrow_i32x4_s
                (i32x4.trunc_sat_f32x4_s (local.get $a)) (i32x4.trunc_sat_f32x4_s (local.get $b)))
              (i16x8.narrow_i32x4_s
                (i32x4.trunc_sat_f32x4_s (local.get $c)) (i32x4.trunc_sat_f32x4_s (local.get $d))))))
        (local.set $codes (i32.add (local.get $codes) (i32.const 16)))
        (local.set $row (i32.add (local.get $row) (i32.const 64)))
        (br_if $each_sixteen (i32.lt_u (local.get $row) (local.get $end))))
      (f32.store (local.get $losses) (call $sum (local.get $loss)))
      (local.set $losses (i32.add (local.get $losses) (i32.const 4)))
      (local.set $scales (i32.add (local.get $scales) (i32.const 4)))
      (local.set $rows (i32.sub (local.get $rows) (i32.const 1)))
      (br $each_row))))

  ;; Writes the codes of `rows` rows, a multiple of 4, as `width` rows of as many codes: four are put together at a time.
  (func (export "transpose") (param $codes i32) (param $rows i32) (param $width i32) (param $columns i32)
    (local $column i32) (local $row i32) (local $from i32) (local $second i32) (local $third i32)
    (local.set $second (i32.shl (local.get $width) (i32.const 1)))
    (local.set $third (i32.add (local.get $second) (local.get $width)))
    (block $done (loop $each_column
      (br_if $done (i32.eq (local.get $column) (local.get $width)))
      (local.set $from (i32.add (local.get $codes) (local.get $column)))
      (local.set $row (i32.const 0))
      (loop $each_four
        (i32.store (local.get $columns)
          (i32.or
            (i32.or
              (i32.load8_u (local.get $from))
              (i32.shl (i32.load8_u (i32.add (local.get $from) (local.get $width))) (i32.const 8)))
            (i32.or
              (i32.shl (i32.load8_u (i32.add (local.get $from) (local.get $second))) (i32.const 16))
              (i32.shl (i32.load8_u (i32.add (local.get $from) (local.get $third))) (i32.const 24)))))
        (local.set $columns (i32.add (local.get $columns) (i32.const 4)))
        (local.set $from (i32.add (local.get $from) (i32.shl (local.get $width) (i32.const 2))))
        (local.set $row (i32.add (local.get $row) (i32.const 4)))
        (br_if $each_four (i32.lt_u (local.get $row) (local.get $rows))))
      (local.set $column (i32.add (local.get $column) (i32.const 1)))
      (br $each_column)))))
