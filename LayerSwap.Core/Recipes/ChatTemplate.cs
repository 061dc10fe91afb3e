using System.Text;
using System.Text.Json.Nodes;
using LayerSwap.Checkpoints;

namespace LayerSwap.Recipes;

/// <summary>The template that a model's messages are written by: in a file of its own, or in the tokenizer's configuration.</summary>
internal static class ChatTemplate
{
    public const string FileName = "chat_template.jinja";

    public const string ChatMl = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

    private const string ConfigName = "tokenizer_config.json";
    private const long Longest = 64_000_000;

    public static string? Of(ICheckpoint model)
    {
        if (Companions.TryRead(model, FileName, Longest) is { } file)
        {
            return Encoding.UTF8.GetString(file);
        }

        return Companions.TryRead(model, ConfigName, Longest) is { } config && (PythonJson.Parse(config) as JsonObject)?["chat_template"] is JsonValue value && value.TryGetValue(out string? text) ? text : null;
    }
}
