;; Dot products of float32 rows in float64: see src/compute/search/exact_scores.ts. They are those of src/compute/exact_dot.ts to
;; the last bit: four sums, of every fourth number each; what is left of a row goes to the first.
(module
  (import "host" "memory" (memory 1))

  ;; Writes the product of row `left[i]` of `a` and row `right[i]` of `b` to `products[i]`. Rows have `dim` float32 numbers and lie
  ;; one after another, numbers of rows are i32, products f64.
  (func (export "dots")
    (param $a i32) (param $left i32) (param $b i32) (param $right i32)
    (param $pairs i32) (param $dim i32) (param $products i32)
    (local $bytes i32) (local $fours i32) (local $last i32) (local $x i32) (local $y i32) (local $end i32)
    (local $low v128) (local $high v128) (local $four v128) (local $other v128) (local $first f64)
    (local.set $bytes (i32.shl (local.get $dim) (i32.const 2)))
    (local.set $fours (i32.and (local.get $bytes) (i32.const -16)))
    (local.set $last (i32.add (local.get $left) (i32.shl (local.get $pairs) (i32.const 2))))
    (block $done (loop $each_pair
      (br_if $done (i32.eq (local.get $left) (local.get $last)))
      (local.set $x (i32.add (local.get $a) (i32.mul (local.get $bytes) (i32.load (local.get $left)))))
      (local.set $y (i32.add (local.get $b) (i32.mul (local.get $bytes) (i32.load (local.get $right)))))
      (local.set $low (v128.const f64x2 0 0))
      (local.set $high (v128.const f64x2 0 0))
      (local.set $end (i32.add (local.get $x) (local.get $fours)))
      (block $no_four (loop $each_four
        (br_if $no_four (i32.eq (local.get $x) (local.get $end)))
        (local.set $four (v128.load (local.get $x)))
        (local.set $other (v128.load (local.get $y)))
        (local.set $low
          (f64x2.add (local.get $low)
            (f64x2.mul
              (f64x2.promote_low_f32x4 (local.get $four))
              (f64x2.promote_low_f32x4 (local.get $other)))))
        (local.set $high
          (f64x2.add (local.get $high)
            (f64x2.mul
              (f64x2.promote_low_f32x4
                (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 (local.get $four) (local.get $four)))
              (f64x2.promote_low_f32x4
                (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 (local.get $other) (local.get $other))))))
        (local.set $x (i32.add (local.get $x) (i32.const 16)))
        (local.set $y (i32.add (local.get $y) (i32.const 16)))
        (br $each_four)))
      (local.set $first (f64x2.extract_lane 0 (local.get $low)))
      (local.set $end (i32.add (local.get $end) (i32.sub (local.get $bytes) (local.get $fours))))
      (block $no_one (loop $each_one
        (br_if $no_one (i32.eq (local.get $x) (local.get $end)))
        (local.set $first
          (f64.add (local.get $first)
            (f64.mul (f64.promote_f32 (f32.load (local.get $x))) (f64.promote_f32 (f32.load (local.get $y))))))
        (local.set $x (i32.add (local.get $x) (i32.const 4)))
        (local.set $y (i32.add (local.get $y) (i32.const 4)))
        (br $each_one)))
      (f64.store (local.get $products)
        (f64.add
          (f64.add (local.get $first) (f64x2.extract_lane 1 (local.get $low)))
          (f64.add (f64x2.extract_lane 0 (local.get $high)) (f64x2.extract_lane 1 (local.get $high)))))
      (local.set $products (i32.add (local.get $products) (i32.const 8)))
      (local.set $left (i32.add (local.get $left) (i32.const 4)))
      (local.set $right (i32.add (local.get $right) (i32.const 4)))
      (br $each_pair)))))
