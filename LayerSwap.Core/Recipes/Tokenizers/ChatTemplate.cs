using System.Text;
using System.Text.Json.Nodes;
using LayerSwap.Checkpoints;

namespace LayerSwap.Recipes;

/// <summary>Reads and writes chat templates: a separate file, or a setting of tokenizer_config.json.</summary>
internal static class ChatTemplate
{
    public const string FileName = "chat_template.jinja";

    private const string ConfigName = "tokenizer_config.json";
    private const string ConfigKey = "chat_template";
    private const long MaxBytes = 64_000_000;

    /// <summary>The templates that a recipe can name.</summary>
    public static IReadOnlyDictionary<string, string> BuiltIn { get; } = new SortedDictionary<string, string>(StringComparer.Ordinal)
    {
        ["chatml"] = "{% for message in messages %}"
            + "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
            + "{% endfor %}"
            + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
        ["llama3"] = "{{ bos_token }}{% for message in messages %}"
            + "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' }}"
            + "{% endfor %}"
            + "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}",
        ["mistral"] = "{{ bos_token }}{% set ns = namespace(system='') %}{% for message in messages %}"
            + "{% if message['role'] == 'system' %}{% set ns.system = message['content'] + '\\n\\n' %}"
            + "{% elif message['role'] == 'user' %}"
            + "{{ '[INST] ' + ns.system + message['content'] + ' [/INST]' }}{% set ns.system = '' %}"
            + "{% else %}{{ ' ' + message['content'] + eos_token }}{% endif %}"
            + "{% endfor %}",
        ["alpaca"] = "{{ bos_token }}{% for message in messages %}"
            + "{% if message['role'] == 'system' %}{{ message['content'] + '\\n\\n' }}"
            + "{% elif message['role'] == 'user' %}{{ '### Instruction:\\n' + message['content'] + '\\n\\n' }}"
            + "{% else %}{{ '### Response:\\n' + message['content'] + eos_token + '\\n\\n' }}{% endif %}"
            + "{% endfor %}"
            + "{% if add_generation_prompt %}{{ '### Response:\\n' }}{% endif %}",
        ["exaone"] = "{% for message in messages %}"
            + "{% if message['role'] == 'user' %}{{ '[|user|]' + message['content'] + '\\n' }}"
            + "{% else %}{{ '[|' + message['role'] + '|]' + message['content'] + '[|endofturn|]\\n' }}{% endif %}"
            + "{% endfor %}"
            + "{% if add_generation_prompt %}{{ '[|assistant|]' }}{% endif %}",
    };

    /// <summary>Reads a model's template; null if it has none.</summary>
    public static string? Read(ICheckpoint model)
    {
        if (AuxiliaryFiles.TryRead(model, FileName, MaxBytes) is { } file)
        {
            return Encoding.UTF8.GetString(file);
        }

        switch (ReadConfig(model)?[ConfigKey])
        {
            case JsonValue value when value.TryGetValue(out string? text):
                return text;
            case JsonArray list:
                // Of several named templates, the default one, or the first.
                JsonObject[] named = [.. list.OfType<JsonObject>()];
                JsonObject? chosen = Array.Find(named, n => n["name"]?.ToString() == "default") ?? named.FirstOrDefault();
                return chosen?["template"]?.ToString();
            default:
                return null;
        }
    }

    /// <summary>Makes the files of an output with one template: the template file, and tokenizer_config.json without any.</summary>
    /// <param name="template">The template.</param>
    /// <param name="tokenizer">The model that the tokenizer is copied from.</param>
    /// <param name="changed">Files of the tokenizer that already differ from this model's.</param>
    public static IEnumerable<(string Name, byte[] Bytes)> MakeFiles(
        string template, ICheckpoint tokenizer, IReadOnlyDictionary<string, byte[]?> changed)
    {
        yield return (FileName, Encoding.UTF8.GetBytes(template));
        JsonObject? config = changed.TryGetValue(ConfigName, out byte[]? bytes) && bytes is not null
            ? PythonJson.Parse(bytes) as JsonObject
            : ReadConfig(tokenizer);
        if (config?.Remove(ConfigKey) == true)
        {
            yield return (ConfigName, PythonJson.Write(config));
        }
    }

    private static JsonObject? ReadConfig(ICheckpoint model) =>
        AuxiliaryFiles.TryRead(model, ConfigName, MaxBytes) is { } config ? PythonJson.Parse(config) as JsonObject : null;
}
