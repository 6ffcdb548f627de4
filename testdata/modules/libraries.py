"""Models of further libraries, which name their modules in ways of their own; each is left out where its library is not there.

Read with diffusers 0.42, vit-pytorch 1.26, x-transformers 2.31, segmentation-models-pytorch 0.6, monai 1.6 and open_clip 3.3.
"""

from importlib import import_module

from own import own

own(r"^LayerScale", r"scale", "branch_scale")
own(r"GlobalResponse", r"beta", "shift")
own(r"Attention", r"mix_heads_\w+", "weight IO")

VIT = dict(image_size=64, patch_size=8, num_classes=1000, dim=128, depth=2, heads=4, mlp_dim=256)
SMALL = dict(num_layers=2, num_attention_heads=4, attention_head_dim=32)
DOWN, UP = ("DownBlock2D", "AttnDownBlock2D"), ("AttnUpBlock2D", "UpBlock2D")
UVIT = dict(num_hidden_layers=2, hidden_size=128, block_out_channels=128, num_attention_heads=4, cond_embed_dim=96, encoder_hidden_size=96, vocab_size=1026, codebook_size=1000)
OOBLECK = dict(encoder_hidden_size=32, downsampling_ratios=[2, 4], channel_multiples=[1, 2], decoder_channels=32, decoder_input_channels=16)
UNETR = dict(in_channels=1, out_channels=3, img_size=(64,) * 3, feature_size=16, hidden_size=192, mlp_dim=384, num_heads=4)
# Committed: name, module, class, arguments.
MODELS = [
    ("dif_unet_ddpm", "diffusers", "UNet2DModel", dict(block_out_channels=(64, 128), down_block_types=DOWN, up_block_types=UP)),
    ("dif_uvit", "diffusers", "UVit2DModel", UVIT),
    ("dif_oobleck", "diffusers", "AutoencoderOobleck", OOBLECK),
    ("vp_cait", "vit_pytorch.cait", "CaiT", dict(VIT, cls_depth=2)),
    ("vp_scalable", "vit_pytorch.scalable_vit", "ScalableViT", dict(num_classes=1000, dim=64, heads=(2, 4, 8, 16), depth=(1, 1, 1, 1), ssa_dim_key=(40, 40, 40, 32), reduction_factor=(8, 4, 2, 1), window_size=(64, 32, None, None), dropout=0.1)),
    ("mo_autoenc", "monai.networks.nets", "VarAutoEncoder", dict(spatial_dims=2, in_shape=(1, 32, 32), out_channels=1, latent_size=8, channels=(8, 16), strides=(2, 2))),
]
# With `--all`.
MORE = [
    ("dif_vae", "diffusers", "AutoencoderKL", dict(block_out_channels=(64, 128), down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2)),
    ("dif_dit", "diffusers", "DiTTransformer2DModel", SMALL),
    ("dif_sd3", "diffusers", "SD3Transformer2DModel", dict(SMALL, caption_projection_dim=128, joint_attention_dim=256, pooled_projection_dim=64)),
    ("dif_pixart", "diffusers", "PixArtTransformer2DModel", dict(SMALL, cross_attention_dim=128, caption_channels=192)),
    ("dif_ltx", "diffusers", "LTXVideoTransformer3DModel", dict(SMALL, cross_attention_dim=128, caption_channels=96)),
    ("dif_dcae", "diffusers", "AutoencoderDC", {}),
    ("vp_cvt", "vit_pytorch.cvt", "CvT", dict(num_classes=1000)),
    ("vp_twins", "vit_pytorch.twins_svt", "TwinsSVT", dict(num_classes=1000)),
    ("vp_maxvit", "vit_pytorch.max_vit", "MaxViT", dict(num_classes=1000, dim=64, depth=(1, 1), dim_head=32)),
    ("vp_navit", "vit_pytorch.na_vit", "NaViT", VIT),
    ("smp_unet", "segmentation_models_pytorch", "Unet", dict(encoder_name="resnet34", encoder_weights=None)),
    ("smp_linknet", "segmentation_models_pytorch", "Linknet", dict(encoder_name="vgg11_bn", encoder_weights=None)),
    ("smp_deeplabv3plus", "segmentation_models_pytorch", "DeepLabV3Plus", dict(encoder_name="mobilenet_v2", encoder_weights=None)),
    ("mo_unet", "monai.networks.nets", "UNet", dict(spatial_dims=3, in_channels=1, out_channels=3, channels=(16, 32, 64), strides=(2, 2), num_res_units=2)),
    ("mo_unetr", "monai.networks.nets", "UNETR", UNETR),
    ("mo_dynunet", "monai.networks.nets", "DynUNet", dict(spatial_dims=3, in_channels=1, out_channels=3, kernel_size=[3] * 3, strides=[1, 2, 2], upsample_kernel_size=[2, 2])),
    ("mo_segresnet", "monai.networks.nets", "SegResNet", dict(in_channels=1, out_channels=3)),
]
DECODERS = {"xt_plain": {}, "xt_relpos": dict(rel_pos_bias=True, residual_attn=True, macaron=True), "xt_modern": dict(ff_glu=True, use_rmsnorm=True, rotary_pos_emb=True)}


def decoder(**words):
    import x_transformers as x

    return x.TransformerWrapper(num_tokens=3000, max_seq_len=256, attn_layers=x.Decoder(dim=128, depth=2, heads=4, **words))


def builds(more):
    """Name, library and what builds the model."""
    for name, module, cls, words in MODELS + (MORE if more else []):
        yield name, module.split(".")[0], lambda module=module, cls=cls, words=words: getattr(import_module(module), cls)(**words)
    for name, words in DECODERS.items():
        if more or not words:
            yield name, "x_transformers", lambda words=words: decoder(**words)
