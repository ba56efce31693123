;; Rows of float32 numbers turned into directions: see src/compute/unit_rows.ts.
;;
;; Rows lie one after another in memory, `width` numbers each, a multiple of 16: of shorter ones zeros are the rest, of the
;; center too. A row's squares are added up in 16 sums, of every 16th number each, then these pairwise.
(module
  (import "host" "memory" (memory 1))

  ;; Four numbers of a row from `at` on, less those of the center.
  (func $centred (param $at i32) (param $center i32) (result v128)
    (f32x4.sub (v128.load (local.get $at)) (v128.load (local.get $center))))

  ;; Takes `center` from every row and divides it by its length, in place; writes the lengths to `lengths`. A row that is the
  ;; center, or whose squares leave float32, becomes what that division gives.
  (func (export "directions")
    (param $row i32) (param $rows i32) (param $width i32) (param $center i32) (param $lengths i32)
    (local $bytes i32) (local $end i32) (local $at i32) (local $from i32) (local $length v128)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local $w v128) (local $x v128) (local $y v128) (local $z v128)
    (local.set $bytes (i32.shl (local.get $width) (i32.const 2)))
    (block $done (loop $each_row
      (br_if $done (i32.eqz (local.get $rows)))
      (local.set $end (i32.add (local.get $row) (local.get $bytes)))

      (local.set $at (local.get $row))
      (local.set $from (local.get $center))
      (local.set $w (v128.const f32x4 0 0 0 0))
      (local.set $x (v128.const f32x4 0 0 0 0))
      (local.set $y (v128.const f32x4 0 0 0 0))
      (local.set $z (v128.const f32x4 0 0 0 0))
      (loop $each_sixteen
        (local.set $a (call $centred (local.get $at) (local.get $from)))
        (local.set $b (call $centred (i32.add (local.get $at) (i32.const 16)) (i32.add (local.get $from) (i32.const 16))))
        (local.set $c (call $centred (i32.add (local.get $at) (i32.const 32)) (i32.add (local.get $from) (i32.const 32))))
        (local.set $d (call $centred (i32.add (local.get $at) (i32.const 48)) (i32.add (local.get $from) (i32.const 48))))
        (v128.store (local.get $at) (local.get $a))
        (v128.store offset=16 (local.get $at) (local.get $b))
        (v128.store offset=32 (local.get $at) (local.get $c))
        (v128.store offset=48 (local.get $at) (local.get $d))
        (local.set $w (f32x4.add (local.get $w) (f32x4.mul (local.get $a) (local.get $a))))
        (local.set $x (f32x4.add (local.get $x) (f32x4.mul (local.get $b) (local.get $b))))
        (local.set $y (f32x4.add (local.get $y) (f32x4.mul (local.get $c) (local.get $c))))
        (local.set $z (f32x4.add (local.get $z) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $from (i32.add (local.get $from) (i32.const 64)))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br_if $each_sixteen (i32.lt_u (local.get $at) (local.get $end))))

      (local.set $w
        (f32x4.add
          (f32x4.add (local.get $w) (local.get $x))
          (f32x4.add (local.get $y) (local.get $z))))
      (f32.store (local.get $lengths)
        (f32.sqrt
          (f32.add
            (f32.add (f32x4.extract_lane 0 (local.get $w)) (f32x4.extract_lane 1 (local.get $w)))
            (f32.add (f32x4.extract_lane 2 (local.get $w)) (f32x4.extract_lane 3 (local.get $w))))))
      (local.set $length (v128.load32_splat (local.get $lengths)))

      (local.set $at (local.get $row))
      (loop $each_four
        (v128.store (local.get $at) (f32x4.div (v128.load (local.get $at)) (local.get $length)))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br_if $each_four (i32.lt_u (local.get $at) (local.get $end))))

      (local.set $lengths (i32.add (local.get $lengths) (i32.const 4)))
      (local.set $row (local.get $end))
      (local.set $rows (i32.sub (local.get $rows) (i32.const 1)))
      (br $each_row)))))
