// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AssetRegistry} from "../../contracts/assets/AssetRegistry.sol";
import {Directory} from "../../contracts/governance/Directory.sol";
import {RegistryAuthority} from "../../contracts/governance/RegistryAuthority.sol";
import {DerivativeTerms} from "../../contracts/interfaces/IAssets.sol";
import {Publication} from "../../contracts/interfaces/IAssetRegistry.sol";
import {LicenceKind, LicenceTerms} from "../../contracts/interfaces/ILicences.sol";
import {Parent} from "../../contracts/interfaces/ILineage.sol";
import {Share} from "../../contracts/interfaces/ISplitterFactory.sol";
import {Lineage} from "../../contracts/revenue/Lineage.sol";
import {SplitterFactory} from "../../contracts/revenue/SplitterFactory.sol";

/// @dev The few cheat codes that are used; forge knows them at this address.
interface Vm {
    function chainId(uint256 id) external;
    function prank(address sender) external;
}

Vm constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

/// @title ChainsTest: the same contracts, at the same addresses, on two chains.
contract ChainsTest {
    address private constant AUTHOR = address(0xA0);
    uint256 private constant ASSET = 2;

    Lineage private _lineage = new Lineage();
    AssetRegistry private _registry;

    /// @dev An asset that owes its parent, and has a licence.
    function setUp() external {
        RegistryAuthority authority = new RegistryAuthority(address(this));
        _registry = new AssetRegistry(
            address(authority), new Directory(address(authority)), _lineage, address(0x7EA5), 250
        );
        LicenceTerms[] memory licences = new LicenceTerms[](1);
        licences[0].kind = LicenceKind.Hold;
        Parent[] memory parents = new Parent[](1);
        parents[0] = Parent(address(_registry), 1);
        DerivativeTerms memory allowed = DerivativeTerms(true, 500);
        VM.prank(AUTHOR);
        _registry.publish(AUTHOR, Publication("parent", address(0), allowed, new Parent[](0), 0, licences));
        VM.prank(AUTHOR);
        _registry.publish(AUTHOR, Publication("child", address(0), allowed, parents, 500, licences));
    }

    /// @notice An asset's number is another asset's on another chain, so what stands for it is elsewhere there.
    function test_whatStandsForAnAssetStandsElsewhereOnAnotherChain() external {
        address tokens = _registry.datatokenOf(ASSET, 0);
        address splitter = _lineage.splitterOf(address(_registry), ASSET);
        VM.chainId(block.chainid + 1);
        assert(_registry.datatokenOf(ASSET, 0) != tokens);
        assert(_lineage.splitterOf(address(_registry), ASSET) != splitter);
        _whatIsMadeIsWhereItWasForetold();
    }

    /// @notice The registry pays royalties to where the lineage makes the splitter, and mints tokens where it said.
    function test_whatIsMadeIsWhereItWasForetold() external {
        _whatIsMadeIsWhereItWasForetold();
    }

    /// @notice A splitter is its payees, on each chain: money that went to it on another one is theirs there too.
    function test_aSplitterIsItsPayeesOnEveryChain() external {
        SplitterFactory factory = new SplitterFactory();
        Share[] memory shares = new Share[](1);
        shares[0] = Share(AUTHOR, 1);
        address here = factory.splitterOf(shares);
        VM.chainId(block.chainid + 1);
        assert(factory.createSplitter(shares) == here);
    }

    function _whatIsMadeIsWhereItWasForetold() private {
        address tokens = _registry.datatokenOf(ASSET, 0);
        (address splitter,) = _registry.royaltyInfo(ASSET, 100);
        VM.prank(AUTHOR);
        _registry.grant(ASSET, 0, AUTHOR, 1, true);
        assert(tokens.code.length != 0);
        assert(_lineage.createSplitter(address(_registry), ASSET) == splitter);
    }
}
