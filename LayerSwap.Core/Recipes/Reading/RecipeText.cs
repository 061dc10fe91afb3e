using System.Text;

namespace LayerSwap.Recipes;

/// <summary>Decodes the bytes of a recipe.</summary>
internal static class RecipeText
{
    /// <summary>The maximum size of a recipe, in bytes.</summary>
    public const long MaxBytes = 16_000_000;

    /// <exception cref="RecipeException">The bytes are not UTF-8.</exception>
    public static string Decode(byte[] bytes, string file)
    {
        try
        {
            UTF8Encoding strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
            return strict.GetString(bytes).TrimStart('\uFEFF');
        }
        catch (DecoderFallbackException e)
        {
            throw new RecipeException([$"{Printable.Escape(file)} is not valid UTF-8 text; a YAML recipe is expected."], e);
        }
    }
}
