"""Small models of transformers, timm and torchvision, whose names are those of real checkpoints."""

from measure import torch_model, write

LM = dict(vocab_size=100, hidden_size=64, num_hidden_layers=3, num_attention_heads=4, intermediate_size=128)


def transformers_models():
    import transformers as t

    def of(name, config, kind):
        return name, lambda: getattr(t, kind)(config())

    text = dict(vocab_size=100, hidden_size=64, num_hidden_layers=3, num_attention_heads=4, intermediate_size=128)
    vision = dict(hidden_size=64, num_hidden_layers=3, num_attention_heads=4, intermediate_size=128, image_size=32, patch_size=8)

    def clip():
        return t.CLIPConfig(text_config={**text, "max_position_embeddings": 80, "projection_dim": 64},
                            vision_config={**vision, "projection_dim": 64}, projection_dim=64)

    def wav2vec2():
        return t.Wav2Vec2Config(**{**LM, "vocab_size": 80}, conv_dim=(64, 64, 64), conv_stride=(5, 2, 2), conv_kernel=(10, 3, 3),
                                num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4, num_codevectors_per_group=40,
                                codevector_dim=64, proj_codevector_dim=64)

    models = [
        of("gpt2", lambda: t.GPT2Config(vocab_size=100, n_positions=64, n_embd=64, n_layer=3, n_head=4), "GPT2LMHeadModel"),
        of("llama", lambda: t.LlamaConfig(**LM, tie_word_embeddings=False), "LlamaForCausalLM"),
        of("bert", lambda: t.BertConfig(**LM, max_position_embeddings=64), "BertForPreTraining"),
        of("modernbert", lambda: t.ModernBertConfig(**LM, pad_token_id=0, bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2), "ModernBertForMaskedLM"),
        of("t5", lambda: t.T5Config(vocab_size=100, d_model=64, d_kv=16, d_ff=128, num_layers=3, num_decoder_layers=2, num_heads=6),
           "T5ForConditionalGeneration"),
        of("t5_gated", lambda: t.T5Config(vocab_size=100, d_model=64, d_kv=16, d_ff=128, num_layers=3, num_heads=6,
                                          feed_forward_proj="gated-gelu", tie_word_embeddings=False), "T5ForConditionalGeneration"),
        of("clip", clip, "CLIPModel"),
        of("vit", lambda: t.ViTConfig(**vision, num_labels=70), "ViTForImageClassification"),
        of("whisper", lambda: t.WhisperConfig(vocab_size=100, d_model=64, encoder_layers=3, decoder_layers=2,
                                              encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=128,
                                              decoder_ffn_dim=128, num_mel_bins=80, max_source_positions=100,
                                              max_target_positions=64, pad_token_id=99, bos_token_id=98, eos_token_id=97,
                                              decoder_start_token_id=96), "WhisperForConditionalGeneration"),
        of("wav2vec2", wav2vec2, "Wav2Vec2ForPreTraining"),
        of("mixtral", lambda: t.MixtralConfig(**LM, num_key_value_heads=2, num_local_experts=4), "MixtralForCausalLM"),
        of("mamba", lambda: t.MambaConfig(vocab_size=100, hidden_size=64, num_hidden_layers=3, state_size=16, time_step_rank=32),
           "MambaForCausalLM"),
        of("mamba2", lambda: t.Mamba2Config(vocab_size=100, hidden_size=64, num_hidden_layers=3, state_size=16, head_dim=16,
                                            num_heads=8, n_groups=1), "Mamba2ForCausalLM"),
        of("rwkv", lambda: t.RwkvConfig(vocab_size=100, hidden_size=64, num_hidden_layers=3), "RwkvForCausalLM"),
        of("gpt_neox", lambda: t.GPTNeoXConfig(**LM, max_position_embeddings=64), "GPTNeoXForCausalLM"),
        of("olmo", lambda: t.OlmoConfig(**LM), "OlmoForCausalLM"),
        of("convnext", lambda: t.ConvNextConfig(hidden_sizes=[32, 64, 64, 96], depths=[2, 2, 3, 2], num_labels=70),
           "ConvNextForImageClassification"),
        of("resnet", lambda: t.ResNetConfig(embedding_size=32, hidden_sizes=[32, 64, 96, 128], depths=[2, 2, 2, 2],
                                            layer_type="basic", num_labels=70), "ResNetForImageClassification"),
    ]
    write("transformers", f"transformers {t.__version__}", [torch_model(name, build, 12) for name, build in models])


def timm_models():
    import timm
    import torchvision
    from timm.models.convnext import ConvNeXt
    from timm.models.swin_transformer import SwinTransformer
    from timm.models.swin_transformer_v2 import SwinTransformerV2
    from timm.models.vision_transformer import VisionTransformer
    from torchvision.models import resnet as tv
    from torchvision.models.efficientnet import EfficientNet, MBConvConfig
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt as TvConvNeXt
    from torchvision.models.vision_transformer import VisionTransformer as TvVisionTransformer

    def vit(mode):
        return lambda: VisionTransformer(img_size=64, patch_size=8, embed_dim=64, depth=3, num_heads=4, mlp_ratio=2, num_classes=70,
                                         weight_init=mode)

    def skipped():
        """Without what `skip` leaves as the memory had it: the table of positions and the class token."""
        model = vit("skip")()
        del model.pos_embed, model.cls_token
        return model

    def convnext(**kind):
        return lambda: ConvNeXt(depths=(2, 2, 3, 2), dims=(32, 64, 64, 96), num_classes=70, **kind)

    def small_efficientnet():
        blocks = [MBConvConfig(1, 3, 1, 32, 16, 1, 1.0, 1.0), MBConvConfig(6, 3, 2, 16, 32, 2, 1.0, 1.0),
                  MBConvConfig(6, 5, 2, 32, 48, 2, 1.0, 1.0)]
        return EfficientNet(blocks, 0.2, num_classes=70, last_channel=128)

    models = [
        ("vit", vit("")), ("vit_jax", vit("jax")), ("vit_jax_nlhb", vit("jax_nlhb")), ("vit_moco", vit("moco")),
        ("vit_reset", vit("reset")), ("vit_skip", skipped),
        ("swin", lambda: SwinTransformer(img_size=64, patch_size=4, embed_dim=32, depths=(2, 2), num_heads=(2, 4), window_size=4,
                                         num_classes=70)),
        ("swinv2", lambda: SwinTransformerV2(img_size=64, patch_size=4, embed_dim=32, depths=(2, 2), num_heads=(2, 4), window_size=4,
                                             num_classes=70)),
        ("convnext", convnext()), ("convnextv2", convnext(use_grn=True, ls_init_value=None)),
        ("resnet", lambda: timm.models.resnet.ResNet(timm.models.resnet.BasicBlock, (2, 2, 2, 2), num_classes=70,
                                                     channels=(32, 48, 64, 96), stem_width=32, zero_init_last=False)),
        ("resnet_zero", lambda: timm.models.resnet.ResNet(timm.models.resnet.Bottleneck, (2, 1, 1, 1), num_classes=70,
                                                          channels=(16, 32, 32, 64), stem_width=32)),
        ("efficientnet", lambda: timm.create_model("efficientnet_b0", num_classes=70)),
    ]
    found = [torch_model(name, build, 8) for name, build in models]
    write("timm", f"timm {timm.__version__}", found)
    models = [
        ("resnet", lambda: tv.ResNet(tv.BasicBlock, [2, 1, 1, 1], num_classes=70)),
        ("resnet_zero", lambda: tv.ResNet(tv.Bottleneck, [1, 1, 1, 1], num_classes=70, zero_init_residual=True)),
        ("efficientnet", small_efficientnet),
        ("convnext", lambda: TvConvNeXt([CNBlockConfig(32, 64, 2), CNBlockConfig(64, 96, 2), CNBlockConfig(96, None, 2)],
                                        num_classes=70)),
        ("vit", lambda: TvVisionTransformer(64, 8, 3, 4, 64, 128, num_classes=70)),
        ("mobilenet_v2", lambda: torchvision.models.mobilenet_v2(num_classes=70, width_mult=0.5)),
        ("vgg", lambda: torchvision.models.VGG(torchvision.models.vgg.make_layers([32, "M", 48, 64, "M"], True), num_classes=70)),
    ]
    found = [torch_model(name, build, 8 if name != "vgg" else 3) for name, build in models]
    write("torchvision", f"torchvision {torchvision.__version__.split('+')[0]}", found)


KINDS = {"transformers": transformers_models, "timm": timm_models}
