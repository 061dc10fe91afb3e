using System.Text;
using System.Text.Json.Nodes;
using LayerSwap.Checkpoints;

namespace LayerSwap.Recipes;

/// <summary>The template that a model's messages are written by: in a file of its own, or in the tokenizer's configuration.</summary>
internal static class ChatTemplate
{
    public const string FileName = "chat_template.jinja";

    /// <summary>The templates that recipes can name, as the families' models expect messages.</summary>
    public static IReadOnlyDictionary<string, string> BuiltIn { get; } = new SortedDictionary<string, string>(StringComparer.Ordinal)
    {
        ["chatml"] = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
        ["llama3"] = "{{ bos_token }}{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' }}{% endfor %}"
            + "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}",
        ["mistral"] = "{{ bos_token }}{% set ns = namespace(system='') %}{% for message in messages %}{% if message['role'] == 'system' %}{% set ns.system = message['content'] + '\\n\\n' %}{% elif message['role'] == 'user' %}"
            + "{{ '[INST] ' + ns.system + message['content'] + ' [/INST]' }}{% set ns.system = '' %}{% else %}{{ ' ' + message['content'] + eos_token }}{% endif %}{% endfor %}",
        ["alpaca"] = "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}{{ message['content'] + '\\n\\n' }}{% elif message['role'] == 'user' %}{{ '### Instruction:\\n' + message['content'] + '\\n\\n' }}"
            + "{% else %}{{ '### Response:\\n' + message['content'] + eos_token + '\\n\\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '### Response:\\n' }}{% endif %}",
        ["exaone"] = "{% for message in messages %}{% if message['role'] == 'user' %}{{ '[|user|]' + message['content'] + '\\n' }}{% else %}{{ '[|' + message['role'] + '|]' + message['content'] + '[|endofturn|]\\n' }}{% endif %}{% endfor %}"
            + "{% if add_generation_prompt %}{{ '[|assistant|]' }}{% endif %}",
    };

    private const string ConfigName = "tokenizer_config.json";
    private const long Longest = 64_000_000;

    public static string? Of(ICheckpoint model)
    {
        if (AuxiliaryFiles.TryRead(model, FileName, Longest) is { } file)
        {
            return Encoding.UTF8.GetString(file);
        }

        return (ConfigOf(model)?["chat_template"]) switch
        {
            JsonValue value when value.TryGetValue(out string? text) => text,
            // Several by name: the default one, or the first.
            JsonArray named => (named.OfType<JsonObject>().FirstOrDefault(n => n["name"]?.ToString() == "default") ?? named.OfType<JsonObject>().FirstOrDefault())?["template"]?.ToString(),
            _ => null,
        };
    }

    /// <summary>The files by which an output has one template, and no other: the template's own, and a tokenizer's configuration without any.</summary>
    /// <param name="template">The template.</param>
    /// <param name="tokenizer">The model that gives the tokenizer.</param>
    /// <param name="changed">Files of the tokenizer that are written anew already.</param>
    public static IEnumerable<(string Name, byte[] Bytes)> FilesOf(string template, ICheckpoint tokenizer, IReadOnlyDictionary<string, byte[]?> changed)
    {
        yield return (FileName, Encoding.UTF8.GetBytes(template));
        JsonObject? config = changed.TryGetValue(ConfigName, out byte[]? bytes) && bytes is not null ? PythonJson.Parse(bytes) as JsonObject : ConfigOf(tokenizer);
        if (config?.Remove("chat_template") == true)
        {
            yield return (ConfigName, PythonJson.Write(config));
        }
    }

    private static JsonObject? ConfigOf(ICheckpoint model) => AuxiliaryFiles.TryRead(model, ConfigName, Longest) is { } config ? PythonJson.Parse(config) as JsonObject : null;
}
