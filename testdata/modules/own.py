"""Parameters that belong to no torch module of a kind: what they are, by the class that holds them and their name.

Written down from how each class uses them (looked up, added, multiplied, a factor of a product).
"""

from kinds import own

ROW = "position|embedding"
ANY = "."

# Rows that every sample gets, and tables by place.
own(ANY, r"(cls|class|dist|distillation|mask|reg|register|cls_register|group|detection|query|bos|type|segment)_?(tokens?|embedding|emb|latent)_?\d?", ROW)
own(ANY, r"(mask|mem|register|query|reg|detection)_tokens|(bos|z_L)_(latent|init)|masked_spec_embed|mask_emb|cls_emb|no_(memory|object)_\w+", ROW)
own(ANY, r"(image_(newline|begin|end|sep)|view_separator|silence_embeds|probe|latents?(_\dd)?|latent_query|level_embed|seg_embed|eoi_embedding)", ROW)
own(ANY, r"(segment_token|type_token)_\w+|query|pooling_attention_query|text_prompt|occlusion_spatial_embedding_parameter", ROW)
own(ANY, r"(\w+_)?pos(ition|itional)?_?(emb|embed|embedding|embeddings|enc|encoding|table)?(_table|_window)?_?\d?|(class|patch|pixel|spatial|temporal)_pos(_emb)?|time_embeddings", ROW)
own(ANY, r"rel_pos_[hwt]|(height|width)_rel|(relative_)?position_bias(_table)?|attention_biases|relative_(position_)?(attention_)?bias(_table)?|emb_rel_[kv]", "position")
own(ANY, r"(memory_temporal|no_memory)_positional_encoding|codevectors|(global|sub)_img_feature_extensor|label_embeddings_concat", ROW)

# Scales of branches, and affine maps in the place of norms.
own(r"Affine", r"alpha", "scale")
own(r"Affine", r"beta", "shift")
own(r"Snake", r"alpha|beta", "special")
own(r"LayerScale|ResScale|^Scale", r"gamma|lambda1|scale", "branch_scale")
own(r"GRN|GlobalResponse|Grn", r"weight", "branch_scale")
own(r"GRN|GlobalResponse|Grn", r"bias", "shift|bias")
own(r"Norm", r"gamma|g", "scale")
own(r"Norm", r"b", "shift")
own(ANY, r"(ffn_)?gamma(_?\d|_xca)?|lambda_\d|ls\d|layer_scale(_\d|_parameter)?|skipinit_gain", "branch_scale")
own(r"Std.*Conv", r"gain", "scale")
own(r"EfficientVim", r"alpha", "branch_scale")

# Numbers with a law of their own.
own(ANY, r"A_log|dt_bias|logit_scale(_\w)?|temperature|gating_param|sinks|gru_rel_pos_const|log_scale|translate|lambda_[qk]\d", "special")
own(r"Mamba|Mixer|SSM|SSD", r"A|D", "special")
own(ANY, r"time_(mix_\w+|decay|first)|recurrent_param", "special")

# Biases without a module.
own(ANY, r"[qv]_bias|r_[wrs]_bias|pos_bias_[uv]|bias_[uv]|dense_bias|input_gate_bias|recurrent_gate_bias|e_score_correction_bias|expert_bias", "bias")
own(r"PredictionHead|MLMHead|LMHead|SeparableConv1D|SOP|GenerationOnly|OnlyMLM", r"bias", "bias")

# Matrices without a module.
own(r"XLNet.*Attention", r"[qkvr]", "weight IOO")
own(r"XLNet.*Attention", r"o", "weight OII")
own(r"Funnel.*Attention", r"r_kernel", "weight IOO")
own(r"RgLru|RecurrentGemma", r"(input|recurrent)_gate_weight", "weight SIO")
own(ANY, r"mm_input_projection_weight|prompts_visual_projection|text_projection|image_projection|w_g", "weight IO")
own(r"Csm", r"weight", "weight SIO")
own(r"ParallelExperts", r"weight", "weight SOI")
own(r"Router|TopK|TokenChoice|Gate|MoE|MLP|Moe", r"weight", "weight OI")
own(r"HyperConnection|HyperHead", r"(hc_)?fn", "weight OI")


own(r"QuantLinear", r"weight", "weight OI")
own(r"QuantLinear", r"bias", "bias")
own(r"QuantEmbedding", r"weight", "embedding|position IO")
own(r"SpeechT5Scaled", r"alpha", "branch_scale")
own(r"SSDFeatureExtractor", r"scale_weight", "scale")


def experts(module, name, param):
    """Stacks of experts say themselves which way round they are."""
    if param.dim() != 3 or name not in ("gate_up_proj", "up_proj", "down_proj", "gate_proj"):
        return None
    transposed = getattr(module, "is_transposed", None)
    if transposed is None:
        transposed = type(module).__name__ in ("Llama4TextExperts",)
    return f"weight {'SIO' if transposed else 'SOI'}" + (" b=2" if name == "gate_up_proj" else "")
