"""Fully visible belief nets: p(x) = prod_i p(x_i | x_1 .. x_(i-1)) over binary pixels in raster order."""
