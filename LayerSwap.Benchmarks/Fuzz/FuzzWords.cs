namespace LayerSwap.Benchmarks.Fuzz;

/// <summary>Words and punctuation of the formats, to be inserted into inputs.</summary>
internal static class FuzzWords
{
    public static IReadOnlyList<string> All { get; } =
    [
        // JSON
        "{", "}", "[", "]", ",", ":", "\"", "{}", "[]", "null", "true", "false", "-0", "-1", "1e400", "1.5", "0.0", "1E+2", "01", "\"\"",
        "\"a\":", "\"\\u0000\"", "\"\\ud800\"", "\\", "\\u", "\\\"",
        "[[[[[[[[", "{\"a\":{\"a\":{\"a\":", "//", "/*", "NaN", "Infinity", "\uFEFF", "\u00A0", "\u2028", "\0", "\u00E9", "\U0001F600",
        // safetensors
        "\"__metadata__\"", "\"dtype\"", "\"shape\"", "\"data_offsets\"", "\"F32\"", "\"BF16\"", "\"F4\"", "\"F6_E2M3\"", "\"BOOL\"",
        "\"C64\"", "{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}", "\"x\":",
        // shard index
        "\"weight_map\"", "\"metadata\"", "\"total_size\"", "\"model-00001-of-00002.safetensors\"", "..", "/", "..\\", "C:",
        // YAML
        "- ", "  ", "\n", "\n  ", "\n- ", "\t", "? ", ": ", "&a ", "*a", "&b ", "*b", "!!str ", "!!binary ", "!<x> ", "|", ">", "|-\n",
        "---\n", "...\n", "<<: ", "<<: *a\n", "~", "# ", "'", "@", "`", "%YAML 1.1\n", "%TAG ! x\n",
        // recipes
        "merge_method: ", "linear", "slerp", "ties", "dare_ties", "task_arithmetic", "passthrough", "layer_swap", "models:\n", "slices:\n",
        "modules:\n", "sources:\n", "- model: ", "model: ", "base_model: ", "path: ", "lora: x",
        "layer_range: [0, 2]", "parameters:\n", "weight: ", "density: ", "t: ", "filter: ", "value: ", "[0, 0.5, 1]", "dtype: ", "bfloat16",
        "out_dtype: ", "tokenizer_source: ", "tokenizer:\n", "tokens:\n", "kind: ",
        "model_token", "token_id: ", "force: ", "pad_to_multiple_of: ", "vocabulary: ", "rules:\n", "layers: ", "0-4", "0-99999,", "name: ",
        "chat_template: ", "source: ", "zero", "union", "transition_weights: ", "embeddings: ",
        // config, tokenizer, manifest and journal
        "\"model\"", "\"vocab\"", "\"added_tokens\"", "\"content\"", "\"id\"", "\"text_config\"", "\"num_hidden_layers\"", "\"vocab_size\"",
        "\"checksum\"", "\"files\"", "\"tensors\"", "\"bytes\"", "\"xxh64\"", "\"detail\"",
        "\nbegin ", "\ntensor ", "\npublishing", "\"facts\"", "\"overwrite\"", "tensor 0 0000000000000000 QQ==", " QQ==",
        "99999999999999999999", "+1", "0x10",
    ];
}
