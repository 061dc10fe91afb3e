namespace LayerSwap.Merging;

/// <summary>A strategy that can be written down: by its name in the catalogue and its parameters there.</summary>
internal interface IRecipeForm
{
    /// <summary>Values are a <see cref="bool"/>, a <see cref="double"/>, a text, a <see cref="Schedule"/> or a <see cref="PerSource"/>.</summary>
    /// <exception cref="NotSupportedException">There is something that no recipe can say.</exception>
    IEnumerable<(string Name, object Value)> Parameters { get; }
}
