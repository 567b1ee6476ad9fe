// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AssetRegistry} from "../../contracts/assets/AssetRegistry.sol";
import {Curation} from "../../contracts/governance/Curation.sol";
import {Directory} from "../../contracts/governance/Directory.sol";
import {RegistryAuthority} from "../../contracts/governance/RegistryAuthority.sol";
import {DerivativeTerms} from "../../contracts/interfaces/IAssets.sol";
import {Publication} from "../../contracts/interfaces/IAssetRegistry.sol";
import {Case, CaseState, CurationStatus, Listing} from "../../contracts/interfaces/ICuration.sol";
import {LicenceTerms} from "../../contracts/interfaces/ILicences.sol";
import {Parent} from "../../contracts/interfaces/ILineage.sol";
import {MockToken} from "../../contracts/mocks/MockToken.sol";
import {Lineage} from "../../contracts/revenue/Lineage.sol";

/// @dev The few cheat codes that are used; forge knows them at this address.
interface Vm {
    function prank(address sender) external;
    function warp(uint256 timestamp) external;
}

Vm constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

/// @title CurationHandler: what can happen to flags and their bonds, each in bounds, none of which may revert.
contract CurationHandler {
    uint256 private constant ASSETS = 3;
    uint256 private constant PEOPLE = 4;

    RegistryAuthority private immutable _authority = new RegistryAuthority(address(this));
    address public constant TREASURY = address(0x7EA5);

    AssetRegistry public immutable registry = new AssetRegistry(
        address(_authority), new Directory(address(_authority)), new Lineage(), TREASURY, 0
    );
    Curation public immutable curation = new Curation(address(_authority), registry);
    MockToken public immutable token = new MockToken(6);

    uint256 public put;
    uint256 public taken;

    constructor() {
        VM.warp(1_800_000_000);
        bytes4[] memory selectors = new bytes4[](1);
        selectors[0] = registry.setDelisted.selector;
        _authority.setTargetFunctionRole(address(registry), selectors, 2);
        _authority.grantRole(2, address(curation), 0);
        curation.setBond(address(token), 1e6);
        for (uint256 i = 0; i < ASSETS; ++i) {
            VM.prank(person(i));
            registry.publish(
                person(i),
                Publication(
                    bytes32(i + 1),
                    address(0),
                    DerivativeTerms(false, 0),
                    new Parent[](0),
                    0,
                    new LicenceTerms[](0)
                )
            );
        }
        for (uint256 i = 0; i < PEOPLE; ++i) {
            token.mint(person(i), type(uint128).max);
            VM.prank(person(i));
            token.approve(address(curation), type(uint256).max);
        }
    }

    function person(uint256 index) public pure returns (address) {
        return address(uint160(0x1000 + index % PEOPLE));
    }

    function people() external pure returns (uint256) {
        return PEOPLE;
    }

    function assets() external pure returns (uint256) {
        return ASSETS;
    }

    /* WHAT HAPPENS */

    function flag(uint8 who, uint8 asset) external {
        VM.prank(person(who));
        uint256 id = curation.flag(1 + asset % ASSETS, "reason", address(token), type(uint256).max);
        put += curation.caseOf(id).bond;
    }

    function answer(uint8 which) external {
        (uint256 id, Case memory case_) = _pick(which);
        if (case_.state != CaseState.Open || case_.appeal || case_.answer != 0) return;
        if (block.timestamp > case_.openedAt + 7 days) return;
        VM.prank(registry.ownerOf(case_.assetId));
        curation.answer(id, "answer");
    }

    function decide(uint8 which, bool upheld, uint24 time) external {
        (uint256 id, Case memory case_) = _pick(which);
        if (case_.state != CaseState.Open) return;
        if (case_.appeal) return curation.decideAppeal(id, upheld, "verdict");
        if (case_.answer == 0 && block.timestamp <= case_.openedAt + 7 days) return;
        uint48 until = time % 2 == 0 ? 0 : uint48(block.timestamp + 1 days + time);
        curation.decideFlag(id, upheld, "verdict", until);
    }

    function appeal(uint8 asset) external {
        uint256 assetId = 1 + asset % ASSETS;
        if (curation.listingOf(assetId).status != CurationStatus.Delisted) return;
        VM.prank(registry.ownerOf(assetId));
        try curation.appeal(assetId, "reason", address(token), type(uint256).max) returns (uint256 id) {
            put += curation.caseOf(id).bond;
        } catch {
            // The owner has one already, against this delisting.
            assert(_openAppeals(assetId, registry.ownerOf(assetId)) != 0);
        }
    }

    function lapse(uint8 which) external {
        (uint256 id, Case memory case_) = _pick(which);
        if (case_.state != CaseState.Open || block.timestamp <= case_.openedAt + 90 days) return;
        curation.lapse(id);
    }

    function withdraw(uint8 who) external {
        // Anybody may: it goes to whose it is.
        address account = who % 5 == 4 ? TREASURY : person(who);
        if (curation.owedTo(address(token), account) == 0) return;
        taken += curation.claim(address(token), account, account);
    }

    function relist(uint8 asset) external {
        uint256 assetId = 1 + asset % ASSETS;
        Listing memory listing = curation.listingOf(assetId);
        if (listing.status == CurationStatus.Delisted) curation.relist(assetId);
    }

    function sell(uint8 asset, uint8 to) external {
        uint256 assetId = 1 + asset % ASSETS;
        address owner = registry.ownerOf(assetId);
        VM.prank(owner);
        registry.transferFrom(owner, person(to), assetId);
    }

    function setBond(uint64 amount) external {
        curation.setBond(address(token), uint128(amount) + 1);
    }

    function wait(uint24 time) external {
        VM.warp(block.timestamp + time % 40 days);
    }

    /* LOOKING */

    /// @notice The bonds of the cases that are open.
    function atStake() external view returns (uint256 sum) {
        for (uint256 id = 1; id <= curation.caseCount(); ++id) {
            Case memory case_ = curation.caseOf(id);
            if (case_.state == CaseState.Open) sum += case_.bond;
        }
    }

    /// @notice Open flags of an asset, counted.
    function openFlags(uint256 assetId) external view returns (uint256 sum) {
        for (uint256 id = 1; id <= curation.caseCount(); ++id) {
            Case memory case_ = curation.caseOf(id);
            if (case_.state == CaseState.Open && case_.assetId == assetId && !case_.appeal) ++sum;
        }
    }

    function _openAppeals(uint256 assetId, address claimant) private view returns (uint256 sum) {
        for (uint256 id = 1; id <= curation.caseCount(); ++id) {
            Case memory case_ = curation.caseOf(id);
            if (case_.state != CaseState.Open || case_.assetId != assetId) continue;
            if (case_.appeal && case_.claimant == claimant) ++sum;
        }
    }

    function _pick(uint8 which) private view returns (uint256 id, Case memory case_) {
        uint256 count = curation.caseCount();
        if (count != 0) id = 1 + which % count;
        case_ = curation.caseOf(id);
    }
}

/// @title CurationInvariants: what no order of flags and decisions can break.
contract CurationInvariants {
    CurationHandler private _handler;

    function setUp() external {
        _handler = new CurationHandler();
    }

    /// @notice Only the handler is called.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    /// @notice Bonds that came in are those that went out, those that are at stake and those to be withdrawn.
    function invariant_bondsInAreBondsOutAndHeld() external view {
        address token = address(_handler.token());
        Curation curation = _handler.curation();
        uint256 held = _handler.token().balanceOf(address(curation));
        assert(_handler.put() == _handler.taken() + held);
        uint256 owed = curation.owedTo(token, _handler.TREASURY());
        for (uint256 i = 0; i < _handler.people(); ++i) {
            owed += curation.owedTo(token, _handler.person(i));
        }
        assert(held == owed + _handler.atStake());
    }

    /// @notice What is said of an asset is what its cases say, and what the registry does.
    function invariant_whatIsSaidIsWhatIs() external view {
        for (uint256 assetId = 1; assetId <= _handler.assets(); ++assetId) {
            Listing memory listing = _handler.curation().listingOf(assetId);
            assert(listing.openFlags == _handler.openFlags(assetId));
            assert(
                (listing.status == CurationStatus.Delisted) == _handler.registry().assetInfo(assetId).delisted
            );
        }
    }
}
