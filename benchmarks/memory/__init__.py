"""Memory of training and segmenting: plain U-Net, DenseVNet on the crop, memory-efficient FCN with its savings."""
