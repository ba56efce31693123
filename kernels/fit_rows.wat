;; Products of rows with weights, and their sums: see src/analysis/probes/fit_rows.ts.
;;
;; Dense rows are `width` float32 numbers each, weights and sums `width` float64 numbers a class; all lie one after another, and
;; are filled up with zeros to a multiple of four numbers, the rows to a multiple of four rows. Products and factors are
;; `classes` float64 numbers a row. Four rows are read together, so that no sum waits for its last addition.
;;
;; Of sparse rows entries `offsets[row]` to `offsets[row + 1]` tell a place (`places`) and the number there (`values`). Their
;; weights and sums lie by place, those of all classes together, filled up to an even number of classes: two are one vector.
(module
  (import "host" "memory" (memory 1))

  ;; Writes the products of every row with the weights of every class: two sums, of every other number each, then both.
  (func (export "products")
    (param $row0 i32) (param $rows i32) (param $width i32) (param $weights i32) (param $classes i32) (param $out0 i32)
    (local $bytes i32) (local $weight i32) (local $class i32) (local $j i32)
    (local $row1 i32) (local $row2 i32) (local $row3 i32) (local $out1 i32) (local $out2 i32) (local $out3 i32)
    (local $sum0 v128) (local $sum1 v128) (local $sum2 v128) (local $sum3 v128)
    (local $w0 v128) (local $w1 v128) (local $x v128)
    (local.set $bytes (i32.shl (local.get $width) (i32.const 2)))
    (block $done (loop $four_rows
      (br_if $done (i32.eqz (local.get $rows)))
      (local.set $row1 (i32.add (local.get $row0) (local.get $bytes)))
      (local.set $row2 (i32.add (local.get $row1) (local.get $bytes)))
      (local.set $row3 (i32.add (local.get $row2) (local.get $bytes)))
      (local.set $out1 (i32.add (local.get $out0) (i32.shl (local.get $classes) (i32.const 3))))
      (local.set $out2 (i32.add (local.get $out1) (i32.shl (local.get $classes) (i32.const 3))))
      (local.set $out3 (i32.add (local.get $out2) (i32.shl (local.get $classes) (i32.const 3))))
      (local.set $weight (local.get $weights))
      (local.set $class (local.get $classes))
      (loop $each_class
        (local.set $sum0 (v128.const f64x2 0 0))
        (local.set $sum1 (v128.const f64x2 0 0))
        (local.set $sum2 (v128.const f64x2 0 0))
        (local.set $sum3 (v128.const f64x2 0 0))
        (local.set $j (i32.const 0))
        (loop $four_numbers
          (local.set $w0 (v128.load (local.get $weight)))
          (local.set $w1 (v128.load offset=16 (local.get $weight)))
          (local.set $x (v128.load (i32.add (local.get $row0) (local.get $j))))
          (local.set $sum0
            (f64x2.add (local.get $sum0)
              (f64x2.mul (f64x2.promote_low_f32x4 (local.get $x)) (local.get $w0))))
          (local.set $sum0
            (f64x2.add (local.get $sum0)
              (f64x2.mul
                (f64x2.promote_low_f32x4
                  (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 (local.get $x) (local.get $x)))
                (local.get $w1))))
          (local.set $x (v128.load (i32.add (local.get $row1) (local.get $j))))
          (local.set $sum1
            (f64x2.add (local.get $sum1)
              (f64x2.mul (f64x2.promote_low_f32x4 (local.get $x)) (local.get $w0))))
          (local.set $sum1
            (f64x2.add (local.get $sum1)
              (f64x2.mul
                (f64x2.promote_low_f32x4
                  (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 (local.get $x) (local.get $x)))
                (local.get $w1))))
          (local.set $x (v128.load (i32.add (local.get $row2) (local.get $j))))
          (local.set $sum2
            (f64x2.add (local.get $sum2)
              (f64x2.mul (f64x2.promote_low_f32x4 (local.get $x)) (local.get $w0))))
          (local.set $sum2
            (f64x2.add (local.get $sum2)
              (f64x2.mul
                (f64x2.promote_low_f32x4
                  (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 (local.get $x) (local.get $x)))
                (local.get $w1))))
          (local.set $x (v128.load (i32.add (local.get $row3) (local.get $j))))
          (local.set $sum3
            (f64x2.add (local.get $sum3)
              (f64x2.mul (f64x2.promote_low_f32x4 (local.get $x)) (local.get $w0))))
          (local.set $sum3
            (f64x2.add (local.get $sum3)
              (f64x2.mul
                (f64x2.promote_low_f32x4
                  (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 (local.get $x) (local.get $x)))
                (local.get $w1))))
          (local.set $weight (i32.add (local.get $weight) (i32.const 32)))
          (br_if $four_numbers
            (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 16))) (local.get $bytes))))
        (f64.store (local.get $out0)
          (f64.add (f64x2.extract_lane 0 (local.get $sum0)) (f64x2.extract_lane 1 (local.get $sum0))))
        (local.set $out0 (i32.add (local.get $out0) (i32.const 8)))
        (f64.store (local.get $out1)
          (f64.add (f64x2.extract_lane 0 (local.get $sum1)) (f64x2.extract_lane 1 (local.get $sum1))))
        (local.set $out1 (i32.add (local.get $out1) (i32.const 8)))
        (f64.store (local.get $out2)
          (f64.add (f64x2.extract_lane 0 (local.get $sum2)) (f64x2.extract_lane 1 (local.get $sum2))))
        (local.set $out2 (i32.add (local.get $out2) (i32.const 8)))
        (f64.store (local.get $out3)
          (f64.add (f64x2.extract_lane 0 (local.get $sum3)) (f64x2.extract_lane 1 (local.get $sum3))))
        (local.set $out3 (i32.add (local.get $out3) (i32.const 8)))
        (br_if $each_class (local.tee $class (i32.sub (local.get $class) (i32.const 1)))))
      (local.set $out0 (local.get $out3))
      (local.set $row0 (i32.add (local.get $row3) (local.get $bytes)))
      (local.set $rows (i32.sub (local.get $rows) (i32.const 4)))
      (br $four_rows))))

  ;; Adds every row, times its factor of each class, to the sums of that class, one row after the other.
  (func (export "sums")
    (param $row0 i32) (param $rows i32) (param $width i32) (param $factors i32) (param $classes i32) (param $sums i32)
    (local $bytes i32) (local $sum i32) (local $class i32) (local $j i32) (local $at i32) (local $next i32)
    (local $row1 i32) (local $row2 i32) (local $row3 i32)
    (local $factor0 v128) (local $factor1 v128) (local $factor2 v128) (local $factor3 v128)
    (local $low v128) (local $high v128) (local $x v128)
    (local.set $bytes (i32.shl (local.get $width) (i32.const 2)))
    (local.set $next (i32.shl (local.get $classes) (i32.const 3)))
    (block $done (loop $four_rows
      (br_if $done (i32.eqz (local.get $rows)))
      (local.set $row1 (i32.add (local.get $row0) (local.get $bytes)))
      (local.set $row2 (i32.add (local.get $row1) (local.get $bytes)))
      (local.set $row3 (i32.add (local.get $row2) (local.get $bytes)))
      (local.set $sum (local.get $sums))
      (local.set $class (local.get $classes))
      (loop $each_class
        (local.set $at (local.get $factors))
        (local.set $factor0 (v128.load64_splat (local.get $at)))
        (local.set $factor1 (v128.load64_splat (local.tee $at (i32.add (local.get $at) (local.get $next)))))
        (local.set $factor2 (v128.load64_splat (local.tee $at (i32.add (local.get $at) (local.get $next)))))
        (local.set $factor3 (v128.load64_splat (i32.add (local.get $at) (local.get $next))))
        (local.set $j (i32.const 0))
        (loop $four_numbers
          (local.set $low (v128.load (local.get $sum)))
          (local.set $high (v128.load offset=16 (local.get $sum)))
          (local.set $x (v128.load (i32.add (local.get $row0) (local.get $j))))
          (local.set $low
            (f64x2.add (local.get $low) (f64x2.mul (local.get $factor0) (f64x2.promote_low_f32x4 (local.get $x)))))
          (local.set $high
            (f64x2.add (local.get $high)
              (f64x2.mul (local.get $factor0)
                (f64x2.promote_low_f32x4
                  (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 (local.get $x) (local.get $x))))))
          (local.set $x (v128.load (i32.add (local.get $row1) (local.get $j))))
          (local.set $low
            (f64x2.add (local.get $low) (f64x2.mul (local.get $factor1) (f64x2.promote_low_f32x4 (local.get $x)))))
          (local.set $high
            (f64x2.add (local.get $high)
              (f64x2.mul (local.get $factor1)
                (f64x2.promote_low_f32x4
                  (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 (local.get $x) (local.get $x))))))
          (local.set $x (v128.load (i32.add (local.get $row2) (local.get $j))))
          (local.set $low
            (f64x2.add (local.get $low) (f64x2.mul (local.get $factor2) (f64x2.promote_low_f32x4 (local.get $x)))))
          (local.set $high
            (f64x2.add (local.get $high)
              (f64x2.mul (local.get $factor2)
                (f64x2.promote_low_f32x4
                  (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 (local.get $x) (local.get $x))))))
          (local.set $x (v128.load (i32.add (local.get $row3) (local.get $j))))
          (local.set $low
            (f64x2.add (local.get $low) (f64x2.mul (local.get $factor3) (f64x2.promote_low_f32x4 (local.get $x)))))
          (local.set $high
            (f64x2.add (local.get $high)
              (f64x2.mul (local.get $factor3)
                (f64x2.promote_low_f32x4
                  (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 (local.get $x) (local.get $x))))))
          (v128.store (local.get $sum) (local.get $low))
          (v128.store offset=16 (local.get $sum) (local.get $high))
          (local.set $sum (i32.add (local.get $sum) (i32.const 32)))
          (br_if $four_numbers
            (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 16))) (local.get $bytes))))
        (local.set $factors (i32.add (local.get $factors) (i32.const 8)))
        (br_if $each_class (local.tee $class (i32.sub (local.get $class) (i32.const 1)))))
      ;; Those of the first row are behind it, those of the other three are not.
      (local.set $factors (i32.add (local.get $factors) (i32.mul (local.get $next) (i32.const 3))))
      (local.set $row0 (i32.add (local.get $row3) (local.get $bytes)))
      (local.set $rows (i32.sub (local.get $rows) (i32.const 4)))
      (br $four_rows))))

  ;; The same as `products` of sparse rows: a sum over the entries, one after the other.
  (func (export "sparseProducts")
    (param $offsets i32) (param $rows i32) (param $places i32) (param $values i32)
    (param $weights i32) (param $classes i32) (param $out i32)
    (local $stride i32) (local $class i32) (local $weight i32) (local $last i32)
    (local $from i32) (local $entry i32) (local $end i32) (local $sum v128)
    (local.set $stride (i32.shl (i32.and (i32.add (local.get $classes) (i32.const 1)) (i32.const -2)) (i32.const 3)))
    (local.set $last (i32.add (local.get $offsets) (i32.shl (local.get $rows) (i32.const 2))))
    (block $done (loop $each_row
      (br_if $done (i32.eq (local.get $offsets) (local.get $last)))
      (local.set $from (i32.shl (i32.load (local.get $offsets)) (i32.const 2)))
      (local.set $end (i32.shl (i32.load offset=4 (local.get $offsets)) (i32.const 2)))
      (local.set $class (i32.const 0))
      (loop $two_classes
        (local.set $weight (i32.add (local.get $weights) (i32.shl (local.get $class) (i32.const 3))))
        (local.set $sum (v128.const f64x2 0 0))
        (local.set $entry (local.get $from))
        (block $no_entry (loop $each_entry
          (br_if $no_entry (i32.eq (local.get $entry) (local.get $end)))
          (local.set $sum
            (f64x2.add (local.get $sum)
              (f64x2.mul
                (f64x2.promote_low_f32x4 (v128.load32_splat (i32.add (local.get $values) (local.get $entry))))
                (v128.load
                  (i32.add (local.get $weight)
                    (i32.mul (local.get $stride)
                      (i32.load (i32.add (local.get $places) (local.get $entry)))))))))
          (local.set $entry (i32.add (local.get $entry) (i32.const 4)))
          (br $each_entry)))
        ;; What is one too many, the next row writes over, or nobody reads.
        (v128.store (i32.add (local.get $out) (i32.shl (local.get $class) (i32.const 3))) (local.get $sum))
        (br_if $two_classes
          (i32.lt_u (local.tee $class (i32.add (local.get $class) (i32.const 2))) (local.get $classes))))
      (local.set $out (i32.add (local.get $out) (i32.shl (local.get $classes) (i32.const 3))))
      (local.set $offsets (i32.add (local.get $offsets) (i32.const 4)))
      (br $each_row))))

  ;; The same as `sums` of sparse rows.
  (func (export "sparseSums")
    (param $offsets i32) (param $rows i32) (param $places i32) (param $values i32)
    (param $factors i32) (param $classes i32) (param $sums i32)
    (local $stride i32) (local $class i32) (local $sum i32) (local $last i32) (local $at i32)
    (local $from i32) (local $entry i32) (local $end i32) (local $two v128)
    (local.set $stride (i32.shl (i32.and (i32.add (local.get $classes) (i32.const 1)) (i32.const -2)) (i32.const 3)))
    (local.set $last (i32.add (local.get $offsets) (i32.shl (local.get $rows) (i32.const 2))))
    (block $done (loop $each_row
      (br_if $done (i32.eq (local.get $offsets) (local.get $last)))
      (local.set $from (i32.shl (i32.load (local.get $offsets)) (i32.const 2)))
      (local.set $end (i32.shl (i32.load offset=4 (local.get $offsets)) (i32.const 2)))
      (local.set $class (i32.const 0))
      (loop $two_classes
        ;; Of an odd number the last has a stranger's factor beside it, for sums that nobody reads.
        (local.set $two
          (v128.load (i32.add (local.get $factors) (i32.shl (local.get $class) (i32.const 3)))))
        (local.set $sum (i32.add (local.get $sums) (i32.shl (local.get $class) (i32.const 3))))
        (local.set $entry (local.get $from))
        (block $no_entry (loop $each_entry
          (br_if $no_entry (i32.eq (local.get $entry) (local.get $end)))
          (local.set $at
            (i32.add (local.get $sum)
              (i32.mul (local.get $stride) (i32.load (i32.add (local.get $places) (local.get $entry))))))
          (v128.store (local.get $at)
            (f64x2.add (v128.load (local.get $at))
              (f64x2.mul (local.get $two)
                (f64x2.promote_low_f32x4
                  (v128.load32_splat (i32.add (local.get $values) (local.get $entry)))))))
          (local.set $entry (i32.add (local.get $entry) (i32.const 4)))
          (br $each_entry)))
        (br_if $two_classes
          (i32.lt_u (local.tee $class (i32.add (local.get $class) (i32.const 2))) (local.get $classes))))
      (local.set $factors (i32.add (local.get $factors) (i32.shl (local.get $classes) (i32.const 3))))
      (local.set $offsets (i32.add (local.get $offsets) (i32.const 4)))
      (br $each_row)))))
