"""Texts of steps that several passes are tested on."""

LOW = """\
graph low {
  param %w : float32[4,4]
  param %p : float32[4,4]
  buffer %mean : float32[4]
  buffer %scale : float32[4]
  state %m : float32[4,4]
  hyper %lr : float32[]
  const %c : float32[4,4]
  random %rs : int64[]
  batch %x : float32[4,4]
  %k : float32[4,4] = aten.arange.default(4) {forward}
  %f : float32[4,4] = aten.mul.Tensor(%w, %c) {forward}
  %y : float32[4,4] = aten.addmm.default(%p, %x, %f) {forward}
  %z : float32[4,4] = aten.mm.default(%y, %p) {forward}
  %q : float32[4,4] = aten.mm.default(%w, %p) {forward}
  %s : float32[4,4] = aten._softmax.default(%y, 1, false) {forward}
  %g : float32[4,4] = aten.mm.default(%s, %y) {input-gradient}
  %e : float32[4,4] = aten.embedding.default(%w, %x) {forward}
  %r : float32[4] = hptc.uniform.default(%rs, 0, [4]) {forward}
  %v : float32[4] = aten.mean.dim(%x, [0]) {forward}
  %n : float32[4,4] = aten.mul.Tensor(%m, %lr) {optimizer}
  update %p <- %n
  update %mean <- %v
}
"""

STEP = """\
graph full {
  param %w : float32[4,4]
  state %m : float32[4,4]
  hyper %t : float32[]
  batch %x : float32[4,4]
  batch %dy : float32[4,4]
  %wt : float32[4,4] = aten.permute.default(%w, [1, 0]) {forward, source="fc"}
  %y : float32[4,4] = aten.mm.default(%x, %wt) {forward, source="fc"}
  %e : float32[4,4] = aten.exp.default(%y) {forward, source="act"}
  %s : float32[4,4] = aten._softmax.default(%e, 1, false) {forward, source="act"}
  %z : float32[4,4] = aten.add.Tensor(%s, %y) {forward}
  %dz : float32[4,4] = aten.mul.Tensor(%dy, %s) {input-gradient, source="act"}
  %dzt : float32[4,4] = aten.permute.default(%dz, [1, 0]) {input-gradient, source="fc"}
  %dw : float32[4,4] = aten.mm.default(%dzt, %x) {weight-gradient, source="fc"}
  %dwt : float32[4,4] = aten.permute.default(%dw, [1, 0]) {weight-gradient, source="fc"}
  %c : float32[] = aten.rsub.Scalar(%t, 1) {optimizer}
  %mn : float32[4,4] = aten.add.Tensor(%m, %dw) {optimizer}
  %u : float32[4,4] = aten.div.Tensor(%mn, %c) {optimizer}
  %wn : float32[4,4] = aten.sub.Tensor(%w, %u) {optimizer}
  update %w <- %wn
  update %m <- %mn
  gradient "w" = %dwt
  output "output" = %z
}
"""
