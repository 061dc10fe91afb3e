using System.Globalization;
using System.Reflection;
using System.Text;

namespace LayerSwap.Tests.PublicApi;

/// <summary>The public surface of an assembly as text, one member a line, in a fixed order.</summary>
internal static class ApiText
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    public static string Of(Assembly assembly)
    {
        StringBuilder text = new();
        foreach (Type type in assembly.GetExportedTypes().OrderBy(t => t.FullName, StringComparer.Ordinal))
        {
            string[] parents =
                [.. new[]
                    { type.BaseType }.Where(b => b is not null && b != typeof(object)
                        && b != typeof(ValueType) && b != typeof(Enum)).Select(b => Name(b!)),
                .. type.GetInterfaces().Where(i => i.IsPublic).Select(Name).Order(StringComparer.Ordinal)];
            text.Append(CultureInfo.InvariantCulture,
                $"{Kind(type)} {Name(type)}{(parents.Length > 0 && !type.IsEnum ? " : " + string.Join(", ", parents) : "")}\n");
            foreach (string member in type.GetMembers(Declared).Select(Member).OfType<string>()
                .Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
            {
                text.Append("    ").Append(member).Append('\n');
            }
        }

        return text.ToString();
    }

    private static string Kind(Type type) => type.IsEnum ? "enum" : type.IsInterface ? "interface"
        : type.IsValueType ? (type.IsByRefLike ? "ref struct" : "struct")
        : type is { IsAbstract: true, IsSealed: true } ? "static class"
        : (type.IsAbstract ? "abstract " : type.IsSealed ? "sealed " : "") + (type.GetMethod("<Clone>$") is null ? "class" : "record");

    private static string? Member(MemberInfo member) => member switch
    {
        FieldInfo { IsSpecialName: false } f when f.IsPublic && f.DeclaringType!.IsEnum =>
            $"{f.Name} = {Convert.ToInt64(f.GetRawConstantValue(), CultureInfo.InvariantCulture)}",
        FieldInfo { IsLiteral: true, IsPublic: true } f => $"const {Name(f.FieldType)} {f.Name} = {f.GetRawConstantValue()}",
        FieldInfo { IsPublic: true, IsSpecialName: false } f => $"{Name(f.FieldType)} {f.Name}",
        ConstructorInfo { IsStatic: false } c when Visible(c) => $"{Access(c)}ctor({Parameters(c)})",
        PropertyInfo p when p.GetAccessors(true).Any(Visible) => Property(p),
        MethodInfo { IsSpecialName: false } m when Visible(m) && !m.Name.Contains('<', StringComparison.Ordinal) =>
            $"{Access(m)}{Modifiers(m)}{Name(m.ReturnType)} {m.Name}{Generic(m)}({Parameters(m)})",
        MethodInfo { IsSpecialName: true } m when Visible(m) && m.Name.StartsWith("op_", StringComparison.Ordinal) =>
            $"static {Name(m.ReturnType)} {m.Name}({Parameters(m)})",
        _ => null,
    };

    private static string Property(PropertyInfo p)
    {
        MethodInfo accessor = p.GetAccessors(true).First(Visible);
        bool init = p.SetMethod?.ReturnParameter.GetRequiredCustomModifiers().Any(m => m.Name == "IsExternalInit") == true;
        string set = p.SetMethod is { } s && Visible(s) ? init ? " init;" : " set;" : "";
        string required = p.GetCustomAttributesData().Any(a => a.AttributeType.Name == "RequiredMemberAttribute") ? "required " : "";
        string index = p.GetIndexParameters().Length > 0 ? $"[{string.Join(", ", p.GetIndexParameters().Select(Parameter))}]" : "";
        return $"{Access(accessor)}{Modifiers(accessor)}{required}{Name(p.PropertyType)} "
            + $"{p.Name}{index} {{{(p.GetMethod is { } g && Visible(g) ? " get;" : "")}{set} }}";
    }

    private static bool Visible(MethodBase m) => m.IsPublic || m.IsFamily || m.IsFamilyOrAssembly;

    private static string Access(MethodBase m) => m.IsPublic ? "" : "protected ";

    private static string Modifiers(MethodInfo m) => m.IsStatic ? "static "
        : m.DeclaringType!.IsInterface ? (m.IsAbstract ? "" : "default ")
        : m.IsAbstract ? "abstract "
        : m.IsVirtual && m.GetBaseDefinition() != m ? "override "
        : m.IsVirtual && !m.IsFinal ? "virtual " : "";

    private static string Generic(MethodInfo m) =>
        m.IsGenericMethod ? $"<{string.Join(", ", m.GetGenericArguments().Select(a => a.Name))}>" : "";

    private static string Parameters(MethodBase m) => string.Join(", ", m.GetParameters().Select(Parameter));

    private static string Parameter(ParameterInfo p)
    {
        bool isParams = p.IsDefined(typeof(ParamArrayAttribute))
            || p.GetCustomAttributesData().Any(a => a.AttributeType.Name == "ParamCollectionAttribute");
        string value = p.HasDefaultValue ? " = " + Convert.ToString(p.DefaultValue ?? "null", CultureInfo.InvariantCulture) : "";
        return $"{(isParams ? "params " : "")}{Name(p.ParameterType)} {p.Name}{value}";
    }

    private static string Name(Type type)
    {
        if (type.IsByRef)
        {
            return "ref " + Name(type.GetElementType()!);
        }

        if (type.IsArray)
        {
            return Name(type.GetElementType()!) + "[]";
        }

        string name = type.IsNested && !type.IsGenericParameter ? $"{Name(type.DeclaringType!)}.{type.Name}" : type.Name;
        return type.IsGenericType ? $"{name.Split('`')[0]}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>" : name;
    }
}
