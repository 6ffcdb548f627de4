"""Relatives of the families: models of transformers that no recipe was written for, and which a family's recipe must start as
their own code does.

    python relatives.py
"""

from measure import torch_model, write

LM = dict(vocab_size=100, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128)
BERT = dict(LM, max_position_embeddings=64)
LLAMA = dict(LM, num_key_value_heads=2, pad_token_id=0)
GPT2 = dict(vocab_size=100, n_positions=64, n_embd=64, n_layer=2, n_head=4)
T5 = dict(vocab_size=100, d_model=64, d_kv=16, d_ff=128, num_layers=2, num_decoder_layers=2, num_heads=4)
VIT = dict(hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128, image_size=32, patch_size=8)
SOUND = dict(LM, vocab_size=80, conv_dim=(64, 64), conv_stride=(5, 2), conv_kernel=(10, 3), num_feat_extract_layers=2,
             num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4)
CLIP = dict(text_config=dict(LM, max_position_embeddings=80, projection_dim=64), vision_config=dict(VIT, projection_dim=64),
            projection_dim=64)
SEQUENCE = dict(vocab_size=100, d_model=64, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
                decoder_attention_heads=4, encoder_ffn_dim=128, decoder_ffn_dim=128, pad_token_id=1, bos_token_id=0, eos_token_id=2)

# Class of the model, and its configuration.
RELATIVES = {
    "decision_transformer": ("DecisionTransformerModel", dict(hidden_size=64, n_layer=2, n_head=4, state_dim=17, act_dim=4)),
    "gpt_bigcode": ("GPTBigCodeForCausalLM", GPT2),
    "imagegpt": ("ImageGPTForCausalImageModeling", GPT2),
    "mistral": ("MistralForCausalLM", LLAMA),
    "qwen2": ("Qwen2ForCausalLM", LLAMA),
    "phi3": ("Phi3ForCausalLM", LLAMA),
    "olmo2": ("Olmo2ForCausalLM", LLAMA),
    "electra": ("ElectraForMaskedLM", dict(BERT, embedding_size=64)),
    "roberta": ("RobertaForMaskedLM", BERT),
    "deberta_v2": ("DebertaV2ForMaskedLM", BERT),
    "layoutlm": ("LayoutLMForMaskedLM", BERT),
    "mt5": ("MT5ForConditionalGeneration", T5),
    "umt5": ("UMT5ForConditionalGeneration", T5),
    "longt5": ("LongT5ForConditionalGeneration", T5),
    "videomae": ("VideoMAEForVideoClassification", dict(VIT, num_frames=4)),
    "convnextv2": ("ConvNextV2ForImageClassification", dict(hidden_sizes=[32, 64, 64, 96], depths=[1, 1, 1, 1])),
    "dinov3_convnext": ("DINOv3ConvNextModel", dict(hidden_sizes=[32, 64, 64, 96], depths=[1, 1, 1, 1])),
    "falcon_mamba": ("FalconMambaForCausalLM", dict(vocab_size=100, hidden_size=64, num_hidden_layers=2, state_size=16, time_step_rank=32)),
    "speech_to_text": ("Speech2TextForConditionalGeneration", dict(SEQUENCE, conv_channels=64)),
    "moonshine": ("MoonshineForConditionalGeneration", LM),
    "wavlm": ("WavLMForCTC", SOUND),
    "unispeech": ("UniSpeechForCTC", SOUND),
    "sew": ("SEWForCTC", dict(SOUND, squeeze_factor=2)),
    "metaclip_2": ("MetaClip2Model", CLIP),
    "owlvit": ("OwlViTModel", CLIP),
    "clipseg": ("CLIPSegModel", CLIP),
    "qwen2_moe": ("Qwen2MoeForCausalLM", dict(LLAMA, num_experts=4, moe_intermediate_size=96, shared_expert_intermediate_size=80)),
    "olmoe": ("OlmoeForCausalLM", dict(LLAMA, num_experts=4)),
    "modernbert_decoder": ("ModernBertDecoderForCausalLM", dict(LM, pad_token_id=0, bos_token_id=1, eos_token_id=2,
                                                                cls_token_id=1, sep_token_id=2)),
    "gpt_neox_japanese": ("GPTNeoXJapaneseForCausalLM", dict(LM, intermediate_multiple_size=2)),
    "switch": ("SwitchTransformersForConditionalGeneration", dict(T5, num_experts=4)),
    "olmo3": ("Olmo3ForCausalLM", LLAMA),
}


def measure():
    import transformers as t

    def build(kind, arguments):
        config = getattr(t, kind).config_class
        return lambda: getattr(t, kind)(config(**arguments))

    models = [torch_model(name, build(kind, arguments), 8) for name, (kind, arguments) in RELATIVES.items()]
    write("relatives", f"transformers {t.__version__}", models)


if __name__ == "__main__":
    measure()
