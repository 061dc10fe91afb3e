namespace LayerSwap.Benchmarks.Fuzz;

/// <summary>Recipes with the features that the golden ones lack: rules, tokens, modules, aliases, several documents.</summary>
internal static class FuzzRecipes
{
    public static IReadOnlyList<string> All { get; } =
    [
        "merge_method: layer_swap\nmodels:\n- model: a\n- model: b\nparameters:\n  embeddings: base\n  transition_weights: linear\n"
            + "rules:\n- layers: [0, 1, 3-7]\n  merge_method: linear\n- filter: mlp\n  kind: attention\n  source: a\n",
        "name: one\nmerge_method: linear\nmodels: [a, b]\n---\nmerge_method: slerp\nbase_model: one\nmodels:\n- model: one\n"
            + "- model: {model: {path: c}, lora: d}\nparameters: {t: [0, 0.5, 1]}\n",
        "merge_method: ties\nmodels:\n- model: &m a\n  parameters: &p\n    weight:\n    - filter: self_attn\n      value: [0, 0.5]\n"
            + "    - value: 1\n- model: *m\n  parameters:\n    <<: *p\n    density: 0.5\nbase_model: *m\ndtype: bfloat16\n",
        "merge_method: linear\nmodules:\n  default:\n    slices:\n    - sources:\n      - {model: a, layer_range: [0, 2]}\n"
            + "      - {model: b, layer_range: [2, 4], parameters: {weight: 0.5}}\n      parameters: {normalize: true}\n  vision:\n"
            + "    models: [a]\n",
        "merge_method: linear\nmodels: [a, b]\ntokenizer:\n  source: union\n  pad_to_multiple_of: 8\n  tokens:\n"
            + "    <s>: {source: a, force: true}\n    <t>: {source: {kind: model_token, model: b, token_id: 4}}\n"
            + "    <u>: {source: {kind: zero}}\nvocabulary: pad\nchat_template: chatml\n",
        "merge_method: linear\nmodels: [a, b]\nparameters:\n  weight: &w\n  - value: 1\n  - value: [0, 1]\n"
            + "  density: [*w, *w, *w, value: 1]\n",
    ];
}
