"""Latent diffusion: networks that denoise what a variational autoencoder makes of pictures."""
